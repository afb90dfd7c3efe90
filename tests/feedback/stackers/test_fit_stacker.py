"""FitStacker over real channels: feedback reads panels, and a real router takes what was learnt."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.feedback.v1 import stacker_pb2 as wire
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth, TruthEntry
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.strategy_pb2 import AGGREGATION_METHOD_STACKING

from services.foundation.errors import RemoteError
from services.state import formats
from services.state.connection import Connections
from services.state.truth import TruthLog
from tests.feedback import recorded
from tests.feedback.conftest import Setting, opened
from tests.router.conftest import running_router

AGE, DAY = 120.0, 86_400.0


class Panel(Setting):
    """An ensemble of a and b, whose panels and truths are written here, beside a router process."""

    async def begin(self) -> None:
        def ensemble(router: Router) -> None:
            router.ClearField("bandit")
            router.ensemble.SetInParent()

        outputs = {"outputs": {"probabilities": "p", "class_order": ["no", "yes"]}}
        for name in ("models/a", "models/b"):
            await self.models.create(Model(name=name, signature=outputs))
        await self.create(ensemble)

    def panel(self, number: int, said: dict[str, float], *, representative: bool = True) -> PredictionEvent:
        """Every member's probability of yes."""
        id_ = recorded.prediction_id(number, time.time() - AGE, self.partition)
        made = recorded.jury(
            id_, {name: "yes" if p > 0.5 else "no" for name, p in said.items()}, self.router.uid
        )
        made.manifest.aggregation.representative = representative
        for given, share in zip(made.outputs, said.values(), strict=True):
            given.output.classification.probabilities.add(label="no", probability=1 - share)
            given.output.classification.probabilities.add(label="yes", probability=share)
        return made

    async def tell(self, truths: dict[str, str]) -> None:
        """What was true of these predictions, as both doors of truth append it."""
        log = TruthLog(self.connections)
        for id_, label in truths.items():
            entry = TruthEntry(format=formats.TRUTH, prediction_id=id_, truth=Truth(label=label))
            entry.observed_at.FromMicroseconds(int(time.time() * 1e6))
            await log.append(entry, 30 * DAY)

    async def log_panels(self, n: int, flipped: float, seed: int = 1) -> None:
        """Panels with truth: a knows something, b says the opposite of what is true that often."""
        chance = np.random.default_rng(seed)
        events, truths = [], {}
        for number in range(n):
            yes = bool(chance.random() < 0.5)
            right = {"a": chance.random() < 0.65, "b": chance.random() >= flipped}
            said = {
                name: float(chance.uniform(0.5, 1) if yes == ok else chance.uniform(0, 0.5))
                for name, ok in right.items()
            }
            event = self.panel(number, said)
            events.append(event)
            truths[event.manifest.prediction_id] = "yes" if yes else "no"
        await self.record(*events)
        await self.tell(truths)

    async def fit(self, **asked: Any) -> wire.FitStackerResponse:
        request = wire.FitStackerRequest(router=self.router.name, **asked)
        reply: wire.FitStackerResponse = await self.ask("FitStacker", request)
        return reply

    async def refused(self, **asked: Any) -> RemoteError:
        with pytest.raises(RemoteError) as caught:
            await self.fit(**asked)
        return caught.value


@pytest.fixture
async def panel(connections: Connections, redis_url: str, tmp_path: Path) -> AsyncIterator[Panel]:
    async with running_router(redis_url, tmp_path) as desk:
        made = Panel(connections, desk.address)
        await made.begin()
        async with opened(made):
            yield made


async def test_what_helps_is_fitted_counted_and_applied(panel: Panel) -> None:
    await panel.log_panels(400, flipped=0.8)
    first = await panel.fit()
    stacker = first.stacker
    assert (stacker.version, stacker.kind, stacker.metric, stacker.rows) == (1, "logistic", "accuracy", 400)
    assert (stacker.best_member, stacker.helps, stacker.folds) == ("a", True, 5)
    assert list(stacker.learnt.members) == ["a", "b"]
    assert list(stacker.learnt.labels) == ["no", "yes"]
    assert stacker.over_best_member.low > 0 < stacker.over_average.low
    assert not first.HasField("router"), "nothing is changed unless it is asked for"
    second = await panel.fit(apply=True)
    assert second.stacker.version == 2
    assert second.router.ensemble.aggregation == AGGREGATION_METHOD_STACKING
    assert second.router.ensemble.stacking.learnt == second.stacker.learnt
    assert second.router.generation == panel.router.generation + 1


async def test_what_does_not_help_is_refused_with_the_numbers_unless_forced(panel: Panel) -> None:
    await panel.log_panels(200, flipped=0.5)
    error = await panel.refused(apply=True)
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "NO_GAIN")
    assert "held out on 200 rows" in error.message
    stored = await panel.routers.read(panel.router.name)
    assert stored.generation == panel.router.generation
    forced = await panel.fit(force=True)
    assert not forced.stacker.helps
    assert forced.warnings[0].startswith("it is not known to help: accuracy gains")


async def test_only_full_panels_that_may_be_learnt_from_count(panel: Panel) -> None:
    await panel.log_panels(150, flipped=0.8)
    stopped = panel.panel(900, {"a": 0.9, "b": 0.1}, representative=False)
    lone = panel.panel(901, {"a": 0.9})
    await panel.record(stopped, lone)
    await panel.tell({one.manifest.prediction_id: "yes" for one in (stopped, lone)})
    await panel.record(panel.panel(902, {"a": 0.9, "b": 0.1}))
    assert (await panel.fit(force=True)).stacker.rows == 150


async def test_an_etag_of_before_leaves_the_router_as_it_is(panel: Panel) -> None:
    # Nothing to learn from is there yet: it is told before any work is done.
    error = await panel.refused(apply=True, etag="old")
    assert (error.code, error.reason) == ("ABORTED", "STALE_ETAG")
    stored = await panel.routers.read(panel.router.name)
    assert stored.generation == panel.router.generation


async def test_too_few_panels_are_refused_with_their_number(panel: Panel) -> None:
    error = await panel.refused()
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "TOO_FEW_PANELS")
    await panel.log_panels(20, flipped=0.8)
    assert "20 units" in (await panel.refused(force=True)).message


async def test_a_router_that_asks_one_model_has_nothing_to_combine(panel: Panel) -> None:
    await panel.create(lambda router: setattr(router, "name", "routers/plain"))
    error = await panel.refused()
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "WRONG_STATE")


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "one fold": ({"folds": 1}, "folds"),
    "too many folds": ({"folds": 21}, "folds"),
    "no predictions": ({"max_predictions": 0}, "max_predictions"),
    "too many predictions": ({"max_predictions": 100_001}, "max_predictions"),
    "times that run backwards": (
        {"start_time": Timestamp(seconds=2_000_000), "end_time": Timestamp(seconds=1_000_000)},
        "start_time",
    ),
}


@pytest.mark.parametrize(("given", "field"), BAD.values(), ids=BAD)
async def test_bad_questions_name_their_field(panel: Panel, given: dict[str, Any], field: str) -> None:
    error = await panel.refused(**given)
    assert error.code == "INVALID_ARGUMENT"
    assert [one.field for one in error.fields] == [field]


async def test_an_unknown_router_is_not_found(panel: Panel) -> None:
    with pytest.raises(RemoteError) as caught:
        await panel.ask("FitStacker", wire.FitStackerRequest(router="nobody"))
    assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "ROUTER_NOT_FOUND")
