"""Who answers when the chosen variant fails: over real channels, with every attempt in the manifest."""

import asyncio
from collections.abc import Sequence

import pytest
from turnout.inference.v1.manifest_pb2 import Participant
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.foundation.errors import RemoteError
from services.models.answer import Reply
from services.models.oip import OipWire
from tests.router.conftest import Desk
from tests.router.execution.acting import DRAWN, NEXT, Log, falling, question, told, ward
from tests.waiting import eventually


async def failed(desk: Desk, within: float = 20.0, **how: object) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await desk.call("InferenceService/Predict", question("cancer", **how), within=within)
    return caught.value


@pytest.mark.parametrize("code", ["UNAVAILABLE", "INTERNAL", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"])
async def test_the_next_variant_answers_and_the_decision_stays(desk: Desk, log: Log, code: str) -> None:
    await desk.deploy("cancer", falling())
    right = (await desk.predict("cancer", variant=NEXT)).output
    desk.servers[DRAWN].faults.set("fail", code=code)
    reply = await desk.predict("cancer")
    outcome = "TIMED_OUT" if code == "DEADLINE_EXCEEDED" else "FAILED"
    assert told(reply.manifest.participants) == [(DRAWN, "PRIMARY", outcome), (NEXT, "FALLBACK", "SERVED")]
    assert reply.output == right
    assert reply.manifest.degraded
    assert (reply.manifest.decision.variant, reply.manifest.decision.propensity) == (DRAWN, 1.0)
    first, second = reply.manifest.participants
    assert (first.attempt, second.attempt) == (1, 1)
    assert (first.endpoint, second.endpoint) == tuple(desk.servers[one].address for one in (DRAWN, NEXT))
    assert first.span_id != second.span_id
    assert first.error_code == code
    assert reply.manifest.total_cost == second.cost
    event = (await log.predictions(2))[-1]
    assert event.manifest == reply.manifest
    # The output belongs to who gave it: feedback credits nobody else with it.
    assert [(one.participant, one.output) for one in event.outputs] == [(1, right)]


async def test_a_wrong_question_is_not_asked_again(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", falling())
    desk.servers[DRAWN].faults.set("fail", code="INVALID_ARGUMENT")
    assert (await failed(desk)).reason == "INPUT_REFUSED"
    (event,) = await log.predictions()
    assert told(event.manifest.participants) == [(DRAWN, "PRIMARY", "FAILED")]
    assert desk.servers[NEXT].calls == 0


async def test_where_all_fail_the_chosen_one_is_blamed_and_all_are_logged(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", falling())
    desk.servers[DRAWN].faults.set("fail", code="INTERNAL")
    desk.servers[NEXT].faults.set("fail", code="UNAVAILABLE")
    error = await failed(desk)
    assert (error.code, error.reason, error.facts["model"]) == (
        "UNAVAILABLE",
        "MODEL_FAILED",
        f"models/{DRAWN}",
    )
    (event,) = await log.predictions()
    assert error.facts["prediction_id"] == event.manifest.prediction_id
    assert told(event.manifest.participants) == [(DRAWN, "PRIMARY", "FAILED"), (NEXT, "FALLBACK", "FAILED")]


async def test_a_pin_is_for_that_variant_and_nobody_else(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", falling())
    desk.servers[DRAWN].faults.set("fail")
    await failed(desk, variant=DRAWN)
    (event,) = await log.predictions()
    assert told(event.manifest.participants) == [(DRAWN, "PRIMARY", "FAILED")]


async def test_who_is_disabled_is_skipped_and_says_so(desk: Desk) -> None:
    router = falling()
    router.variants.add(model="cancer-logistic", weight=0)
    router.fallback.variants[:] = ["cancer-logistic", DRAWN, NEXT]
    await desk.seat("cancer-logistic")
    await desk.deploy("cancer", router)
    request = routers.ToggleVariantRequest(name="cancer", variant="cancer-logistic", enabled=False)
    await desk.call("RouterService/ToggleVariant", request)
    desk.servers[DRAWN].faults.set("fail")

    async def skipped() -> bool:
        (_, second, third) = (await desk.predict("cancer")).manifest.participants
        assert told([second, third]) == [
            ("cancer-logistic", "FALLBACK", "SKIPPED"),
            (NEXT, "FALLBACK", "SERVED"),
        ]
        # Until the change has arrived it is skipped as well: the row lacks what this model reads.
        assert (second.error_message, second.attempt) == ("disabled", 0)
        return True

    await eventually(skipped)
    assert desk.servers["cancer-logistic"].calls == 0


async def test_who_cannot_read_the_input_is_skipped(desk: Desk) -> None:
    router = falling()
    router.variants.add(model="cancer-logistic", weight=0)
    router.fallback.variants[:] = ["cancer-logistic", NEXT]
    await desk.seat("cancer-logistic")
    await desk.deploy("cancer", router)
    desk.servers[DRAWN].faults.set("fail")
    participants = (await desk.predict("cancer")).manifest.participants
    assert told(participants)[1:] == [
        ("cancer-logistic", "FALLBACK", "SKIPPED"),
        (NEXT, "FALLBACK", "SERVED"),
    ]
    assert "does not fit models/cancer-logistic" in participants[1].error_message


async def test_attempts_are_as_many_as_the_router_allows(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", falling(max_attempts=1))
    desk.servers[DRAWN].faults.set("fail")
    await failed(desk)
    (event,) = await log.predictions()
    assert told(event.manifest.participants) == [(DRAWN, "PRIMARY", "FAILED")]


async def test_a_model_that_hangs_leaves_the_fallback_its_time(desk: Desk) -> None:
    """The model may take ten seconds by its registration, and the caller has two."""
    await desk.deploy("cancer", falling())
    desk.servers[DRAWN].faults.set("hang")
    reply = await desk.call("InferenceService/Predict", question("cancer"), within=2.0)
    assert told(reply.manifest.participants) == [
        (DRAWN, "PRIMARY", "TIMED_OUT"),
        (NEXT, "FALLBACK", "SERVED"),
    ]
    # It is not left working for nobody.
    await eventually(lambda: desk.servers[DRAWN].in_flight == 0)


async def test_retries_cannot_outlive_the_caller(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", falling())
    for server in desk.servers.values():
        server.faults.set("hang")
    error = await failed(desk, within=1.0)
    assert error.code == "DEADLINE_EXCEEDED"
    (event,) = await log.predictions()
    first, second = told(event.manifest.participants)
    assert first == (DRAWN, "PRIMARY", "TIMED_OUT")
    # The fallback was reached; whose clock ends it first is a matter of milliseconds.
    assert second in [(NEXT, "FALLBACK", outcome) for outcome in ("TIMED_OUT", "CANCELLED")]
    await eventually(lambda: all(server.in_flight == 0 for server in desk.servers.values()))


async def test_a_caller_who_leaves_takes_every_attempt_along(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", falling())
    desk.servers[DRAWN].faults.set("fail")
    desk.servers[NEXT].faults.set("hang")
    calling = asyncio.ensure_future(desk.predict("cancer"))
    await eventually(lambda: desk.servers[NEXT].in_flight == 1)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    (event,) = await log.predictions()
    assert event.error_code == "CANCELLED"
    assert told(event.manifest.participants) == [
        (DRAWN, "PRIMARY", "FAILED"),
        (NEXT, "FALLBACK", "CANCELLED"),
    ]
    await eventually(lambda: desk.servers[NEXT].cancelled == 1)


async def test_the_retry_budget_bounds_what_is_in_flight(desk: Desk, log: Log) -> None:
    """Three second calls are always allowed; with a budget of nothing, the fourth is not."""
    await desk.deploy("cancer", falling(retry_budget=0.0))
    desk.servers[DRAWN].faults.set("fail", code="INTERNAL")
    desk.servers[NEXT].faults.set("hang")
    waiting = [asyncio.ensure_future(desk.predict("cancer")) for _ in range(3)]
    await eventually(lambda: desk.servers[NEXT].in_flight == 3)
    await failed(desk)
    (refused,) = await log.predictions()
    assert told(refused.manifest.participants) == [
        (DRAWN, "PRIMARY", "FAILED"),
        (NEXT, "FALLBACK", "SKIPPED"),
    ]
    assert refused.manifest.participants[1].error_message == "the router's retry budget is spent"
    sample = desk.metrics.registry.get_sample_value
    assert sample("turnout_retries_refused_total", {"router": "routers/cancer"}) == 1
    desk.servers[NEXT].faults.set("ok")
    for reply in await asyncio.gather(*waiting):
        assert told(reply.manifest.participants)[1] == (NEXT, "FALLBACK", "SERVED")
    calls = {"role": "fallback", "model": f"models/{NEXT}"}
    assert sample("turnout_second_calls_total", calls) == 3


async def test_a_busy_model_is_answered_for(desk: Desk) -> None:
    model = registration(DRAWN, desk.servers[DRAWN].address)
    model.name, model.served_name, model.max_concurrency = "models/narrow", DRAWN, 1
    await desk.register(model)
    router = Router(
        variants=[{"model": "narrow", "weight": 1}, {"model": NEXT, "weight": 0}],
        fallback={"variants": [NEXT]},
    )
    await desk.deploy("cancer", router)
    desk.servers[DRAWN].faults.set("hang")
    waiting = asyncio.ensure_future(desk.predict("cancer"))
    await eventually(lambda: desk.servers[DRAWN].in_flight == 1)
    participants = (await desk.predict("cancer")).manifest.participants
    assert told(participants) == [("narrow", "PRIMARY", "DROPPED"), (NEXT, "FALLBACK", "SERVED")]
    desk.servers[DRAWN].faults.set("ok")
    await waiting


async def test_who_is_passed_over_for_want_of_room_costs_no_retry(desk: Desk) -> None:
    """Nobody was called: who is asked instead is the first, however many there are, and has its own retry."""
    model = registration(DRAWN, desk.servers[DRAWN].address)
    model.name, model.served_name, model.max_concurrency = "models/narrow", DRAWN, 1
    await desk.register(model)
    router = Router(
        variants=[{"model": "narrow", "weight": 1}, {"model": NEXT, "weight": 0}],
        fallback={"variants": [NEXT], "retry_budget": 0.0, "max_attempts": 1},
    )
    await desk.deploy("cancer", router)
    for server in desk.servers.values():
        server.faults.set("hang")
    waiting = [asyncio.ensure_future(desk.predict("cancer")) for _ in range(9)]
    await eventually(lambda: desk.servers[DRAWN].in_flight == 1 and desk.servers[NEXT].in_flight == 8)
    for server in desk.servers.values():
        server.faults.set("ok")
    replies = [told(reply.manifest.participants) for reply in await asyncio.gather(*waiting)]
    assert replies.count([("narrow", "PRIMARY", "SERVED")]) == 1
    assert replies.count([("narrow", "PRIMARY", "DROPPED"), (NEXT, "FALLBACK", "SERVED")]) == 8
    sample = desk.metrics.registry.get_sample_value
    assert not sample("turnout_retries_refused_total", {"router": "routers/cancer"})
    assert not sample("turnout_second_calls_total", {"role": "fallback", "model": f"models/{NEXT}"})


async def test_a_storm_of_callers_who_leave_brings_no_count_below_nothing(desk: Desk) -> None:
    router = falling()
    router.limits.max_concurrency = 40
    await desk.deploy("cancer", router)
    desk.servers[DRAWN].faults.set("slow", seconds=0.02)
    desk.servers[NEXT].faults.set("hang")
    for _ in range(3):
        calls = [asyncio.ensure_future(desk.predict("cancer")) for _ in range(30)]
        await eventually(lambda: desk.servers[DRAWN].in_flight >= 1)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    await eventually(lambda: all(server.in_flight == 0 for server in desk.servers.values()))
    desk.servers[DRAWN].faults.set("ok")
    # Were a count off, the limit would refuse some of as many as it allows.
    for reply in await asyncio.gather(*(desk.predict("cancer") for _ in range(40))):
        assert told(reply.manifest.participants) == [(DRAWN, "PRIMARY", "SERVED")]


async def test_a_router_without_a_chain_says_what_failed(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", ward())
    desk.servers[DRAWN].faults.set("fail")
    await failed(desk)
    (event,) = await log.predictions()
    assert told(event.manifest.participants) == [(DRAWN, "PRIMARY", "FAILED")]


async def test_who_is_ejected_is_skipped_and_says_until_when(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", falling())
    desk.servers[NEXT].faults.set("fail")

    async def ejected() -> bool:
        await asyncio.gather(desk.predict("cancer", variant=NEXT), return_exceptions=True)
        labels = {"model": f"models/{NEXT}"}
        return desk.metrics.registry.get_sample_value("turnout_model_ejected", labels) == 1

    await eventually(ejected)
    calls = desk.servers[NEXT].calls
    desk.servers[DRAWN].faults.set("fail")
    error = await failed(desk)

    async def logged() -> Sequence[Participant]:
        found = await log.predictions()
        return next(
            (
                one.manifest.participants
                for one in found
                if one.manifest.prediction_id == error.facts["prediction_id"]
            ),
            (),
        )

    # How many predictions it took to eject it is not told: this one is looked for by its id.
    participants = await eventually(logged)
    assert told(participants) == [(DRAWN, "PRIMARY", "FAILED"), (NEXT, "FALLBACK", "SKIPPED")]
    assert participants[1].error_message.startswith("ejected until ")
    assert desk.servers[NEXT].calls == calls


async def test_a_defect_of_ours_in_a_call_is_that_attempts_failure_and_the_next_variant_answers(
    desk: Desk, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = OipWire.read

    def defective(self: OipWire, raw: bytes, rows: int) -> Reply:
        if f"models/{DRAWN}" == self._model.name:
            raise ZeroDivisionError("the secret")
        return read(self, raw, rows)

    await desk.deploy("cancer", falling())
    monkeypatch.setattr(OipWire, "read", defective)
    reply = await desk.predict("cancer")
    first, second = reply.manifest.participants
    assert told([first, second]) == [(DRAWN, "PRIMARY", "FAILED"), (NEXT, "FALLBACK", "SERVED")]
    assert first.error_code == "INTERNAL"
    assert first.error_message.startswith("internal error ")
    # Where nobody answers instead, it is told as what it is, and recorded.
    with pytest.raises(RemoteError) as caught:
        await desk.predict("cancer", variant=DRAWN)
    assert (caught.value.code, caught.value.reason) == ("INTERNAL", "INTERNAL")
    assert caught.value.facts["error_id"] in caught.value.message
    assert "secret" not in caught.value.message
    events = await log.predictions(2)
    assert [one.manifest.prediction_id for one in events if one.error_code] == [
        caught.value.facts["prediction_id"]
    ]
    sample = desk.metrics.registry.get_sample_value
    assert sample("turnout_unexpected_errors_total", {"method": "model call"}) == 2
