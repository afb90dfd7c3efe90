"""A slow call is raced by a second one: the first answer serves, the loser is called off."""

import asyncio

from turnout.router.v1.model_pb2 import Endpoint
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from examples.fleet.server import ModelServer
from services.router.execution.tails import LEAST_SAMPLES
from tests.fleet import fleet_model
from tests.router.conftest import Desk
from tests.router.execution.acting import DRAWN, NEXT, Log, falling, told, ward
from tests.waiting import eventually

# Slower than any answer here on a busy machine, and far from the models' ten seconds.
LEAST = {"nanos": 300_000_000}


async def acquainted(desk: Desk, log: Log) -> None:
    """Ask so often that the tail of the drawn model is known."""
    for _ in range(LEAST_SAMPLES):
        await desk.predict("cancer")
    await log.predictions(LEAST_SAMPLES)


async def test_the_next_variant_races_and_the_loser_is_called_off(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", falling_hedged())
    await acquainted(desk, log)
    slow = desk.servers[DRAWN]
    slow.faults.set("hang")
    reply = await desk.predict("cancer")
    first, second = reply.manifest.participants
    assert told([first, second]) == [(DRAWN, "PRIMARY", "CANCELLED"), (NEXT, "HEDGE", "SERVED")]
    assert reply.manifest.degraded
    assert (reply.manifest.decision.variant, reply.manifest.decision.propensity) == (DRAWN, 1.0)
    # The model server itself sees that it is no longer needed.
    await eventually(lambda: slow.cancelled == 1 and slow.in_flight == 0)
    assert first.latency.ToNanoseconds() >= LEAST["nanos"]
    event = (await log.predictions(LEAST_SAMPLES + 1))[-1]
    assert event.manifest == reply.manifest
    assert [one.participant for one in event.outputs] == [1]
    sample = desk.metrics.registry.get_sample_value
    assert sample("turnout_second_calls_total", {"role": "hedge", "model": f"models/{NEXT}"}) == 1


def falling_hedged() -> Router:
    router = falling()
    router.hedging.enabled = True
    router.hedging.min_delay.nanos = LEAST["nanos"]
    return router


async def test_another_instance_of_the_same_model_races(desk: Desk, log: Log) -> None:
    async with fleet_model(DRAWN) as other:
        model = registration(DRAWN, desk.servers[DRAWN].address)
        model.name, model.served_name = "models/twins", DRAWN
        model.endpoints.append(Endpoint(address=other.address))
        await desk.register(model)
        variants = [{"model": "twins", "weight": 1}, {"model": NEXT, "weight": 0}]
        await desk.deploy("cancer", Router(variants=variants, hedging={"enabled": True, "min_delay": LEAST}))
        await acquainted(desk, log)
        other.faults.set("hang")

        async def raced() -> bool:
            # Which of the two is asked first is drawn.
            reply = await desk.predict("cancer")
            if len(reply.manifest.participants) == 1:
                return False
            first, second = reply.manifest.participants
            assert told([first, second]) == [("twins", "PRIMARY", "CANCELLED"), ("twins", "HEDGE", "SERVED")]
            assert (first.endpoint, second.endpoint) == (other.address, desk.servers[DRAWN].address)
            assert (first.attempt, second.attempt) == (1, 2)
            return True

        await eventually(raced)
        await eventually(lambda: other.in_flight == 0 and other.cancelled == 1)


async def test_a_pin_is_raced_by_its_own_model_only(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", falling_hedged())
    await acquainted(desk, log)
    desk.servers[DRAWN].faults.set("slow", seconds=0.6)
    reply = await desk.predict("cancer", variant=DRAWN)
    assert told(reply.manifest.participants) == [(DRAWN, "PRIMARY", "SERVED")]
    assert not reply.manifest.degraded


async def test_the_first_answer_serves_also_if_it_is_the_slow_ones(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", falling_hedged())
    await acquainted(desk, log)
    desk.servers[DRAWN].faults.set("slow", seconds=0.6)
    desk.servers[NEXT].faults.set("hang")
    reply = await desk.predict("cancer")
    assert told(reply.manifest.participants) == [(DRAWN, "PRIMARY", "SERVED"), (NEXT, "HEDGE", "CANCELLED")]
    assert not reply.manifest.degraded
    await eventually(lambda: desk.servers[NEXT].in_flight == 0)


async def test_a_race_that_both_lose_tells_of_both(desk: Desk, log: Log) -> None:
    for name, server in desk.servers.items():
        model = registration(name, server.address)
        model.name, model.served_name = f"models/brief-{name}", name
        await desk.register(model, patience=1.0)
    router = falling_hedged()
    for variant in router.variants:
        variant.id, variant.model = variant.model, f"brief-{variant.model}"
    await desk.deploy("cancer", router)
    await acquainted(desk, log)
    for server in desk.servers.values():
        server.faults.set("hang")
    await asyncio.gather(desk.predict("cancer"), return_exceptions=True)
    event = (await log.predictions(LEAST_SAMPLES + 1))[-1]
    assert told(event.manifest.participants) == [
        (DRAWN, "PRIMARY", "TIMED_OUT"),
        (NEXT, "HEDGE", "TIMED_OUT"),
    ]
    assert event.error_code == "DEADLINE_EXCEEDED"


async def test_a_caller_who_leaves_in_a_race_ends_both(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", falling_hedged())
    await acquainted(desk, log)
    servers: list[ModelServer] = list(desk.servers.values())
    for server in servers:
        server.faults.set("hang")
    calling = asyncio.ensure_future(desk.predict("cancer"))
    await eventually(lambda: all(server.in_flight == 1 for server in servers))
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    await eventually(lambda: all(server.cancelled == 1 and server.in_flight == 0 for server in servers))
    event = (await log.predictions(LEAST_SAMPLES + 1))[-1]
    assert told(event.manifest.participants) == [
        (DRAWN, "PRIMARY", "CANCELLED"),
        (NEXT, "HEDGE", "CANCELLED"),
    ]


async def test_nothing_is_raced_before_enough_is_known(desk: Desk) -> None:
    await desk.deploy("cancer", falling_hedged())
    desk.servers[DRAWN].faults.set("slow", seconds=0.5)
    reply = await desk.predict("cancer")
    assert told(reply.manifest.participants) == [(DRAWN, "PRIMARY", "SERVED")]


async def test_hedges_count_against_the_retry_budget(desk: Desk, log: Log) -> None:
    router = falling_hedged()
    router.fallback.retry_budget = 0.0
    await desk.deploy("cancer", router)
    await acquainted(desk, log)
    for server in desk.servers.values():
        server.faults.set("hang")
    calls = [asyncio.ensure_future(desk.predict("cancer")) for _ in range(6)]
    await eventually(lambda: desk.servers[DRAWN].in_flight == 6)
    await eventually(lambda: desk.servers[NEXT].in_flight == 3)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    events = (await log.predictions(LEAST_SAMPLES + 6))[LEAST_SAMPLES:]
    assert sorted(len(event.manifest.participants) for event in events)[3:] == [2, 2, 2]


async def test_a_router_that_hedges_with_nobody_to_race_is_plain(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", ward(hedging={"enabled": True, "min_delay": LEAST}))
    await acquainted(desk, log)
    desk.servers[DRAWN].faults.set("slow", seconds=0.5)
    reply = await desk.predict("cancer")
    assert told(reply.manifest.participants) == [(DRAWN, "PRIMARY", "SERVED")]


async def test_a_probe_of_an_ejected_model_is_not_raced(desk: Desk, log: Log) -> None:
    """Raced, it would be called off when it is slow, and nobody would learn that its model is well."""
    server = desk.servers[DRAWN]
    model = registration(DRAWN, server.address)
    model.name, model.served_name = "models/ill", DRAWN
    model.outlier_detection.base_ejection_time.FromMilliseconds(300)
    await desk.register(model)
    router = falling_hedged()
    router.variants[0].model = router.variants[0].id = "ill"
    router.variants[1].weight = 1
    await desk.deploy("cancer", router)
    for _ in range(LEAST_SAMPLES):
        await desk.predict("cancer", variant="ill")
    server.faults.set("fail")
    for _ in range(5):
        await asyncio.gather(desk.predict("cancer", variant="ill"), return_exceptions=True)
    sample = desk.metrics.registry.get_sample_value
    assert sample("turnout_model_ejected", {"model": "models/ill"}) == 1
    server.faults.set("slow", seconds=0.6)

    async def tried() -> bool:
        participants = (await desk.predict("cancer")).manifest.participants
        if participants[0].variant != "ill":
            return False
        assert told(participants) == [("ill", "PRIMARY", "SERVED")]
        return True

    await eventually(tried)
    assert sample("turnout_model_ejected", {"model": "models/ill"}) == 0
