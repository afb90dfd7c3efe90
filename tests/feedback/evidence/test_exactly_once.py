"""What crashes, duplicates, reorder and late events leave is what folding everything at once leaves."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from turnout.feedback.v1.evidence_pb2 import EvidenceState
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent
from turnout.inference.v1.manifest_pb2 import OUTCOME_FAILED

from services.feedback.evidence.desk import Desk
from services.feedback.evidence.folder import Folder
from services.feedback.evidence.folding import DIFFERS, key_of, missing_key, question
from services.feedback.evidence.frontier import Frontier
from services.feedback.evidence.noting import Noting
from services.feedback.rulebook import Rulebook
from services.feedback.rules import Rules
from services.feedback.sequential.folding import fold, start
from services.feedback.sequential.srm import srm_fold, srm_start
from services.state import ids
from services.state.claims import UNITS, Claim, Learner, Report
from services.state.connection import Connections
from services.state.consumer import Entry
from services.state.errors import StateUnavailable
from services.state.evidence import EvidenceLog, Place
from services.state.fenced import Fence
from services.state.group import Group
from services.state.kinds import ROUTERS
from services.state.logged import Logged, read
from services.state.rewards import RewardStore
from services.state.streams import EVENTS, TRUTH
from tests.feedback import recorded

BEGIN = 1_750_000_020.0
DEADLINE, HORIZON = 1, 30
ENTRIES, EACH, STEP = 40, 12, 7.0


class Unlucky:
    """A client of Redis that dies around some of its commands: before them, or when they are done."""

    def __init__(self, redis: Any, rng: random.Random, share: float) -> None:
        self._redis, self._rng, self._share = redis, rng, share

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._redis, name)
        if name not in ("get", "hgetall", "hmget", "evalsha", "eval"):
            return found

        async def command(*args: Any) -> Any:
            fate = self._rng.random()
            if fate < self._share / 2:
                raise StateUnavailable("died before a command")
            reply = await found(*args)
            if fate < self._share:
                raise StateUnavailable("died after a command")
            return reply

        return command


class World:
    """One router's decisions and rewards, and whoever owns its partition at the moment."""

    def __init__(self, connections: Connections, seed: int, share: float, chaos: int) -> None:
        self.rng, self.fate = random.Random(seed), random.Random(chaos)
        self.connections, self.share, self.now = connections, share, BEGIN
        made = recorded.router(ids.new_uid(BEGIN, self.rng), "routers/compared")
        made.weighted.SetInParent()
        made.default_deadline.FromSeconds(DEADLINE)
        made.experiment.label_horizon.FromSeconds(HORIZON)
        made.experiment.guardrails.add(metric="error_rate", max_regression=0.05)
        made.update_time.FromSeconds(int(BEGIN))
        self.rulebook: Rulebook = Rulebook(None)  # type: ignore[arg-type]
        self.rulebook.take(ROUTERS.name, made.uid, made)
        self.rules: Rules = self.rulebook._by_uid[made.uid]
        self.token = 0

    async def own(self) -> None:
        """Another process takes over: it remembers nothing, and fences the former one out."""
        self.token += 1
        self.fence = Fence.of(self.rules.partition, "feedback", self.token)
        await self.connections.steady.set(self.fence.key, self.fence.token)
        unlucky: Any = Unlucky(self.connections.steady, self.fate, self.share)
        desk = Desk(EvidenceLog(unlucky))
        noting = Noting(desk, self.rulebook)
        groups = [Group(self.connections, "feedback", stream) for stream in (EVENTS, TRUTH)]
        frontier = Frontier(noting, groups[0], groups[1], lambda: self.now)
        ownership: Any = None
        self.folder = Folder(desk, noting, self.rulebook, ownership, frontier, lambda: self.now)

    async def deliver(self, entries: Sequence[Entry[Logged]], first: int, last: int) -> None:
        """Entries first to last; after a crash the last few come once more to the next owner."""
        while True:
            try:
                await self.folder.noting.handle(self.rules.partition, self.fence, entries[first : last + 1])
                return
            except StateUnavailable:
                await self.own()
                first = max(0, first - self.fate.randrange(3))

    async def fold(self, entries: Sequence[Entry[Logged]], last: int) -> None:
        while True:
            try:
                await self.folder.fold(self.rules, self.fence)
                return
            except StateUnavailable:
                await self.own()
                await self.deliver(entries, max(0, last - 2), last)

    def decision(self, back: float) -> PredictionEvent:
        id_ = ids.new_prediction_id(self.rules.partition, self.now - back, self.rng)
        share = self.rng.choice([0.2, 0.5])
        variant = "b" if self.rng.random() < share else "a"
        made = recorded.event(id_, variant, uid=self.rules.uid)
        made.entity_id = self.rng.choice(["", *(f"entity-{number}" for number in range(150))])
        for name, probability in (("a", 1 - share), ("b", share)):
            made.manifest.decision.candidates.add(variant=name, probability=probability)
        if self.rng.random() < 0.1:
            made.manifest.participants[0].outcome = OUTCOME_FAILED
        return made


async def decided(world: World) -> tuple[list[PredictionEvent], list[int | None]]:
    """A batch of decisions, and the reward that each has by then, if it ever has one."""
    rewards = RewardStore(world.connections.steady)
    learner = Learner(world.rules.partition, world.rules.uid, world.rules.reward.key)
    batch = [world.decision(world.rng.choice([0.0, 3.0, 5.0, 150.0])) for _ in range(EACH)]
    batch = [one for one in batch if ids.time_of(one.manifest.prediction_id) >= BEGIN]
    told = [world.rng.choice([None, 0, 1]) for _ in batch]
    claims = [
        Claim(learner, Report(one.manifest.prediction_id, 0, "a", value * UNITS, 1, "x"), 1000, 1e9)
        for one, value in zip(batch, told, strict=True)
        if value is not None
    ]
    if claims:
        await rewards.apply(claims, BEGIN)
    return batch, told


async def play(
    connections: Connections, seed: int, share: float, chaos: int = 1
) -> tuple[World, EvidenceState, list[Any]]:
    """Forty batches in 280 seconds, some of their decisions late; returns the state and what was not late."""
    world = World(connections, seed, share, chaos)
    await world.own()
    watch = world.rules.watch
    assert watch is not None
    entries: list[Entry[Logged]] = []
    on_time: list[Any] = []
    seen = int(BEGIN // 60)
    for number in range(ENTRIES):
        batch, told = await decided(world)
        packed = EventBatch(predictions=[one.SerializeToString() for one in batch])
        entries.append(Entry(f"{1000 + number}-0", read(packed.SerializeToString())))
        pairs = zip(batch, told, strict=True)
        on_time += [pair for pair in pairs if ids.minute_of(pair[0].manifest.prediction_id) >= seen]
        await world.deliver(entries, number, number)
        if world.fate.random() < 0.1:
            await world.deliver(entries, max(0, number - 1), number)
        world.now += STEP
        if world.rng.random() < 0.5:
            await world.fold(entries, number)
            seen = max(seen, int((world.now - watch.settle) // 60))
    world.now += 300
    await world.fold(entries, ENTRIES - 1)
    await world.fold(entries, ENTRIES - 1)
    state = await EvidenceLog(connections.steady).state(Place(world.rules.partition, world.rules.uid))
    assert state is not None
    redis: Any = connections.steady
    left = {key.decode().split(":")[2] for key in await redis.keys(f"*{world.rules.uid}*")}
    assert not left & {"decisions", "waiting"}, "what is folded is gone"
    return world, state, on_time


def observed(on_time: list[Any]) -> list[Any]:
    """The first decision of each entity, and all of those without one, in the order of their ids."""
    met: set[str] = set()
    found = []
    for event, value in sorted(on_time, key=lambda pair: str(pair[0].manifest.prediction_id)):
        if event.entity_id and event.entity_id in met:
            continue
        met.add(event.entity_id)
        failed = event.manifest.participants[0].outcome == OUTCOME_FAILED
        found.append((event, 0.0 if failed else value, failed))
    return found


def oracle(world: World, found: list[Any]) -> dict[str, bytes]:
    """Every test's state, folded at once from plain lists."""
    watch = world.rules.watch
    assert watch is not None
    treated = np.array([event.manifest.decision.variant == "b" for event, _, _ in found])
    shares = np.array([event.manifest.decision.candidates[1].probability for event, _, _ in found])
    values = {
        "accuracy": np.array([np.nan if value is None else value for _, value, _ in found], float),
        "error_rate": np.array([not failed for _, _, failed in found], float),
    }
    states: dict[str, bytes] = {}
    for spec in watch.tests:
        merit = values[spec.metric]
        there = ~np.isnan(merit)
        asked = (1 - merit if spec.flip else merit)[there]
        test = question(spec)
        states[key_of("b", spec.name)] = fold(
            test, start(test), treated[there], asked, shares[there]
        ).tobytes()
    missed = np.isnan(values["accuracy"]).astype(float)
    states[missing_key("b", "accuracy")] = fold(DIFFERS, start(DIFFERS), treated, missed, shares).tobytes()
    both = np.stack([1 - shares, shares], axis=-1)
    states["ratio"] = srm_fold(srm_start(2), treated.astype(int), both).tobytes()
    return states


@pytest.mark.parametrize("seed", range(4))
async def test_the_state_is_the_oracles_whatever_dies_and_comes_again(
    connections: Connections, seed: int
) -> None:
    world, state, on_time = await play(connections, seed, 0.12)
    assert world.token > 1, "nobody died"
    found = observed(on_time)
    known = {**state.tests, **state.missing, "ratio": state.ratio}
    assert {name: np.frombuffer(blob).tolist() for name, blob in known.items()} == {
        name: np.frombuffer(blob).tolist() for name, blob in oracle(world, found).items()
    }
    assert sum(arm.decisions for arm in state.arms.values()) == len(found)
    missed = sum(value is None for _, value, _ in found)
    assert sum(arm.missing["accuracy"] for arm in state.arms.values()) == missed


async def test_the_state_is_the_same_to_the_last_byte_as_without_any_crash(connections: Connections) -> None:
    """All of it: counts of late decisions, positions, units."""
    redis: Any = connections.steady
    states: list[bytes] = []
    for share in (0.0, 0.15, 0.15):
        world, state, _ = await play(connections, 99, share, chaos=len(states))
        assert (world.token > 1) == (share > 0)
        states.append(state.SerializeToString(deterministic=True))
        await redis.delete(*await redis.keys(f"*{world.rules.uid}*"))
    assert states[0] == states[1] == states[2]
    assert sum(arm.late for arm in state.arms.values()) > 20
