"""Two processes of feedback: who holds a router's partition falls silent, and the other goes on in its place.

Only in `make chaos`: a canary's decisions rest on minutes that are over, so it mostly waits.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from turnout.feedback.v1 import canary_pb2 as wire
from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.router.v1 import canary_pb2
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.foundation.client import Client
from services.state import ids, keys
from services.state.connection import connect
from services.state.embedded import EmbeddedRedis
from tests.chaos.processes import Process
from tests.feedback.canary.stage import CRITERIA, STEPS
from tests.feedback.conftest import SERVICE, Setting
from tests.feedback.evidence.arena import Arena, Play
from tests.router.conftest import Desk, running_router
from tests.waiting import eventually

LONG = os.environ.get("CHAOS") == "long"
PLAYS, TRIES = 400, 12


class Pair:
    """A router here, feedback in two processes. `hands` writes what drift would write."""

    def __init__(self, desk: Desk, hands: Setting, one: Process, other: Process) -> None:
        self.desk = desk
        self.hands = hands
        self.arena = Arena(hands)
        self.processes = (one, other)
        # By the id under which it takes leases.
        self.known: dict[bytes, Process] = {}

    async def owners(self) -> set[bytes]:
        """Who holds partitions now."""
        names = [keys.lease(partition, "feedback") for partition in range(ids.PARTITIONS)]
        return {owner for owner in await self.hands.connections.steady.mget(names) if owner}

    async def start(self) -> None:
        """One after the other, so that it shows who is who; then they share."""
        for process in self.processes:
            await process.start()
            (new,) = await eventually(self._new, within=30)
            self.known[new] = process

    async def _new(self) -> set[bytes]:
        return await self.owners() - self.known.keys()

    async def both(self) -> bool:
        """Whether each of the two holds something."""
        return await self.owners() == self.known.keys()

    async def holder(self, router: Router) -> Process:
        """Who acts for a router."""
        lease = keys.lease(ids.partition_for(router.uid), "feedback")

        async def held() -> bytes:
            return await self.hands.connections.steady.get(lease) or b""

        return self.known[await eventually(held)]

    def other(self, process: Process) -> Process:
        """The one that is left."""
        return next(one for one in self.processes if one is not process)

    async def trial(self) -> Router:
        """A canary b beside a baseline a, deployed."""
        given = Router(
            canary={
                "baseline_model": "a",
                "canary_model": "b",
                "steps": STEPS,
                "promotion_criteria": CRITERIA,
            }
        )
        given.canary.label_horizon.FromSeconds(1)
        given.default_deadline.FromSeconds(1)
        return await self.desk.deploy("trial", given)

    async def learner(self, beside: Router) -> Router:
        """A bandit that the same process acts for."""
        for number in range(40):
            given = Router(variants=[{"model": "a"}, {"model": "b"}], bandit={"algorithm": 1})
            made = await self.desk.deploy(f"learner-{number}", given)
            if await self.holder(made) is await self.holder(beside):
                return made
        raise AssertionError("one of two holds next to nothing")

    async def play(
        self, router: Router, shares: dict[str, float], rates: dict[str, float], to: Process
    ) -> None:
        """Traffic by these shares, whose rewards, at these rates, are told to this process."""
        self.hands.router, self.hands.partition = router, ids.partition_for(router.uid)
        plays = [answered(self.arena.draw(shares, rates)) for _ in range(PLAYS)]
        await self.hands.record(*(one.event for one in plays))
        await self.arena.log([one.event for one in plays])
        await self.tell(to, plays)

    async def tell(self, process: Process, plays: Sequence[Play]) -> None:
        """Report the rewards, in one import."""
        items = [
            rpc.RecordFeedbackRequest(prediction_id=one.event.manifest.prediction_id, reward=one.reward)
            for one in plays
        ]

        async def stream() -> AsyncIterator[rpc.ImportFeedbackRequest]:
            yield rpc.ImportFeedbackRequest(items=items)

        async with asked(process) as client:
            reply = await client.upload(SERVICE, "ImportFeedback")(stream(), timeout=30)
        assert dict(reply.counts) == {"ACCEPTED": len(plays)}, reply.errors[:1]

    async def share(self, router: Router, variant: str) -> float:
        """What the router gives a variant."""
        request = inference.ExplainRequest(router=router.name)
        reply = await self.desk.call("InferenceService/Explain", request)
        found = {one.variant: one.probability for one in reply.decision.candidates}
        return float(found.get(variant, 0.0))

    async def canary(self) -> tuple[canary_pb2.CanaryState, float]:
        """Its state, and its percentage."""
        reply = await self.desk.call("RouterService/GetRouter", routers.GetRouterRequest(name="trial"))
        canary = reply.router.canary
        return canary.trial.state, canary.canary_percentage

    async def becomes(
        self, trial: Router, state: canary_pb2.CanaryState, percentage: float, to: Process
    ) -> None:
        """Traffic goes on, as it does, until the canary stands so: minutes of it are judged when they are
        over."""

        async def stands() -> bool:
            return await self.canary() == (state, percentage)

        for _ in range(TRIES):
            _, now = await self.canary()
            await self.play(trial, {"a": 1 - now / 100, "b": now / 100}, {"a": 0.5, "b": 0.95}, to)
            with suppress(AssertionError):
                await eventually(stands, within=20)
                return
        raise AssertionError(f"the canary is {await self.canary()}")


def answered(play: Play) -> Play:
    """The same, whose variant answered with a label."""
    play.event.output.classification.label = "yes"
    play.event.outputs.add(participant=0, output=play.event.output)
    return play


@asynccontextmanager
async def asked(process: Process) -> AsyncIterator[Client]:
    """A channel to a process."""
    client = process.client()
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with (
        EmbeddedRedis(tmp_path / "redis", fsync="always") as redis,
        connect(redis.url) as connections,
        running_router(redis.url, tmp_path) as desk,
    ):
        told = {"REDIS_URL": redis.url, "ROUTER": desk.address}
        made = Pair(desk, Setting(connections), *(Process("feedback", tmp_path, **told) for _ in range(2)))
        for name in ("a", "b"):
            model = registration("cancer-bayes", "127.0.0.1:1")
            model.name = f"models/{name}"
            await desk.register(model)
        await made.start()
        yield made
        for process in made.processes:
            await process.kill()


@pytest.mark.skipif(not LONG, reason="two minutes have to pass: make chaos")
async def test_the_other_goes_on_and_what_was_silent_does_nothing_twice(pair: Pair) -> None:
    """First the holder stands still, and wakes to find itself replaced; then the holder of then is killed."""
    await eventually(pair.both)
    trial = await pair.trial()
    learner = await pair.learner(trial)
    silent = await pair.holder(trial)
    awake = pair.other(silent)
    await pair.play(learner, {"a": 0.5, "b": 0.5}, {"a": 0.2, "b": 0.4}, awake)
    await eventually(lambda: favours(pair, learner, "b"))

    silent.stop()
    await pair.play(learner, {"a": 0.05, "b": 0.95}, {"a": 1.0, "b": 0.0}, awake)
    await eventually(lambda: favours(pair, learner, "a"), within=60)
    await pair.becomes(trial, canary_pb2.CANARY_STATE_RUNNING, 50, awake)
    silent.go_on()
    await eventually(pair.both)

    gone = await pair.holder(trial)
    await gone.kill()
    await pair.becomes(trial, canary_pb2.CANARY_STATE_PROMOTED, 0, pair.other(gone))
    async with asked(pair.other(gone)) as client:
        await eventually(lambda: told(client), within=60)
        reply = await client.unary(SERVICE, "GetRewards")(
            rpc.GetRewardsRequest(router=learner.name), timeout=20
        )
    assert sum(arm.rewards for arm in reply.rewards.arms) == 2 * PLAYS


async def favours(pair: Pair, router: Router, variant: str) -> bool:
    """Whether the variant gets all that exploration leaves."""
    return await pair.share(router, variant) == pytest.approx(0.95)


async def told(client: Client) -> bool:
    """Each move happened once, by itself, and is told with the generation that it made."""
    reply: wire.ListPromotionEventsResponse = await client.unary(SERVICE, "ListPromotionEvents")(
        wire.ListPromotionEventsRequest(router="trial"), timeout=20
    )
    made = [(one.kind, one.generation, one.automatic) for one in reversed(reply.events)]
    assert made == [("START", 1, False), ("STEP", 2, True), ("PROMOTE", 3, True)]
    return True
