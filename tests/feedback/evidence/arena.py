"""A router whose variants are compared, in simulated time: decisions are logged, rewards come."""

import itertools
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from turnout.feedback.v1 import experiment_pb2 as rpc
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent
from turnout.router.v1.router_pb2 import Router

from services.feedback.rules import Rules
from services.state import events, ids
from services.state.claims import UNITS, Claim, Learner, Report
from services.state.fenced import Fence
from services.state.group import Group
from services.state.streams import EVENTS
from tests.feedback.conftest import Setting

HORIZON = 30


class Play(NamedTuple):
    """A decision, and its reward: None where nobody reports one."""

    event: PredictionEvent
    variant: str
    reward: float | None


def weighted(router: Router, **experiment: object) -> None:
    """Make an experiment of a router whose variants have shares of their own."""
    router.weighted.SetInParent()
    router.default_deadline.FromSeconds(1)
    router.experiment.label_horizon.FromSeconds(HORIZON)
    for name, value in experiment.items():
        setattr(router.experiment, name, value)


class Arena:
    """What happens to one router. `rng` decides what chance does."""

    def __init__(self, setting: Setting, seed: int = 1) -> None:
        self.setting = setting
        self.rng = random.Random(seed)
        self._sequence = itertools.count(1)
        self._reports = itertools.count(1)

    async def open(self, change: Callable[[Router], None] = weighted, **fields: object) -> Router:
        """Create the router; this process owns all partitions."""
        made = await self.setting.create(change, name="routers/compared", **fields)
        await self.setting.parts.ownership.round()
        return made

    @property
    def rules(self) -> Rules:
        found = self.setting.parts.evidence.rulebook.known(self.setting.router.uid)
        assert found is not None
        return found

    @property
    def fence(self) -> Fence:
        return self.setting.parts.ownership.fence(self.setting.partition)

    def decide(
        self,
        variant: str,
        shares: dict[str, float],
        *,
        entity: str = "",
        failed: bool = False,
        ms: float = 10,
        at: float | None = None,
        **segments: str,
    ) -> PredictionEvent:
        """A logged decision of the moment, or of `at`."""
        time = self.setting.now() if at is None else at
        id_ = ids.new_prediction_id(self.setting.partition, time, self.rng)
        made = PredictionEvent(format=1, router_uid=self.setting.router.uid, rows=1, entity_id=entity)
        made.time.FromMicroseconds(int(time * 1e6))
        made.segments.update(segments)
        made.manifest.prediction_id, made.manifest.generation = id_, self.setting.router.generation
        made.manifest.total_latency.FromMicroseconds(int(ms * 1000))
        decision = made.manifest.decision
        decision.variant, decision.mode = variant, manifest.DECISION_MODE_STRATEGY
        decision.propensity = shares[variant]
        for name, share in shares.items():
            decision.candidates.add(variant=name, probability=share, eligible=True)
        outcome = manifest.OUTCOME_FAILED if failed else manifest.OUTCOME_SERVED
        made.manifest.participants.add(
            variant=variant, role=manifest.PARTICIPANT_ROLE_PRIMARY, outcome=outcome, attempt=1
        )
        return made

    def draw(self, shares: dict[str, float], rates: dict[str, float], **how: object) -> Play:
        """A decision by chance, and the reward that it earns, by chance too."""
        variant = self.rng.choices(list(shares), list(shares.values()))[0]
        event = self.decide(variant, shares, **how)  # type: ignore[arg-type]
        return Play(event, variant, float(self.rng.random() < rates[variant]))

    async def log(self, plays: Sequence[PredictionEvent], size: int = 100) -> None:
        """Append decisions to the stream, in batches."""
        for begin in range(0, len(plays), size):
            batch = EventBatch(predictions=[one.SerializeToString() for one in plays[begin : begin + size]])
            await events.append(
                self.setting.connections, self.setting.partition, batch, "arena", next(self._sequence)
            )

    async def reward(self, plays: Sequence[Play], metric: str = "") -> None:
        """Have their rewards reported."""
        measure = self.rules.measures[metric] if metric else self.rules.reward
        learner = Learner(self.rules.partition, self.rules.uid, measure.key)
        now = self.setting.now()
        claims = [
            Claim(
                learner,
                Report(
                    one.event.manifest.prediction_id,
                    0,
                    one.variant,
                    round(one.reward * UNITS),
                    int(now * 1e6),
                    f"report-{next(self._reports)}",
                ),
                self.rules.window,
                self.rules.horizon,
            )
            for one in plays
            if one.reward is not None
        ]
        if claims:
            await self.setting.parts.settling.rewards.apply(claims, now)

    async def consumed(self) -> bool:
        """Whether the group has handled everything that was appended."""
        group = Group(self.setting.connections, "feedback", EVENTS)
        return not await group.lag_at(self.setting.partition)

    def pass_time(self, seconds: float) -> None:
        """Let simulated time pass."""
        self.setting.late += seconds

    async def fold(self) -> None:
        """Fold what is ready now."""
        await self.setting.parts.evidence.fold(self.rules, self.fence)

    async def experiment(self) -> rpc.Experiment:
        """What the service says."""
        reply: rpc.GetExperimentResponse = await self.setting.ask(
            "GetExperiment", rpc.GetExperimentRequest(router=self.setting.router.name)
        )
        return reply.experiment
