"""Precision, recall, log-loss and errors of models: what numpy computes from the same answers and truths."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from turnout.aggregator.v1.panels_pb2 import PanelTally
from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth, TruthEntry
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.feedback.rules import HORIZON_SECONDS
from services.router.reporting.query import SEGMENT, TIME, VARIANT
from services.router.reporting.report import reports
from services.state.heartbeats import Heartbeats
from services.state.magnitudes import BITS
from services.state.model_metrics import ModelMetricsStore
from services.state.panels import HOUR, Counted, PanelStore
from services.state.truth import TruthLog
from tests.feedback.conftest import Setting
from tests.waiting import eventually

# Half a step of the codes that errors and log-losses are kept as, relatively.
CODED = 1 / 16_384
LABELS = ("no", "perhaps", "yes")


def unsure(setting: Setting, shares: Sequence[float], variant: str = "a") -> PredictionEvent:
    """A prediction that spreads its probability over LABELS."""
    made = setting.event(variant, LABELS[int(np.argmax(shares))])
    for label, share in zip(LABELS, shares, strict=True):
        made.outputs[0].output.classification.probabilities.add(label=label, probability=share)
    made.output.CopyFrom(made.outputs[0].output)
    return made


def number(setting: Setting, *values: float, variant: str = "a") -> PredictionEvent:
    """A prediction of a number for each row."""
    made = setting.event(variant)
    made.rows = len(values)
    made.outputs[0].output.regression.values.extend(values)
    made.output.CopyFrom(made.outputs[0].output)
    return made


async def by_either_door(setting: Setting, place: int, about: str, truth: Truth, row: int = 0) -> None:
    """Every other truth as drift's doors append it."""
    if place % 2:
        await setting.give(about, truth=truth, row=row)
        return
    entry = TruthEntry(prediction_id=about, row=row, truth=truth, feedback_id=f"drift-{place}-{row}")
    entry.observed_at.FromMicroseconds(int(setting.now() * 1e6))
    await TruthLog(setting.connections).append(entry, HORIZON_SECONDS)


async def told(setting: Setting, enough: Callable[[ModelMetrics], bool], name: str = "a") -> ModelMetrics:
    """What is published of a model, once it is enough."""
    store, found = ModelMetricsStore(setting.connections), ModelMetrics()

    async def there() -> bool:
        held = (await store.read())[1].values()
        found.CopyFrom(next((one for one in held if one.model == f"models/{name}"), ModelMetrics()))
        return enough(found)

    await eventually(there)
    return found


def drawn(seed: int, rows: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities [rows, labels], and the place of the true label of each row, mostly the likely one."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet((0.6, 0.6, 0.6), rows)
    return shares, np.array([rng.choice(3, p=0.7 * row + 0.1) for row in shares])


async def test_a_classifier_is_measured_as_numpy_does(setting: Setting) -> None:
    shares, true = drawn(5, 40)
    async with setting.background():
        for place, (row, actual) in enumerate(zip(shares, true, strict=True)):
            event = unsure(setting, row.tolist())
            await setting.record(event)
            label = Truth(label=LABELS[actual])
            await by_either_door(setting, place, event.manifest.prediction_id, label)
        found = await told(setting, lambda one: one.labels == one.scored == len(true))
        said = shares.argmax(axis=1)
        precision = [
            float((true[said == one] == one).mean()) if (said == one).any() else 0.0 for one in range(3)
        ]
        recall = [
            float((said[true == one] == one).mean()) if (true == one).any() else 0.0 for one in range(3)
        ]
        assert found.precision == pytest.approx(np.mean(precision))
        assert found.recall == pytest.approx(np.mean(recall))
        losses = -np.log(shares[np.arange(len(true)), true])
        assert found.log_loss == pytest.approx(losses.mean(), rel=CODED)

        def yes(router: Router) -> None:
            router.task.positive_label = "yes"

        await setting.routers.update(setting.router.name, yes)
        found = await told(setting, lambda one: one.precision == pytest.approx(precision[2]))
        assert found.recall == pytest.approx(recall[2])


async def test_a_regression_is_measured_as_numpy_does_whatever_its_scale(setting: Setting) -> None:
    rng = np.random.default_rng(6)
    truths = rng.lognormal(10, 3, 30)
    values = truths * rng.lognormal(0, 1, 30)
    async with setting.background():
        for place in range(0, 30, 3):
            event = number(setting, *values[place : place + 3])
            await setting.record(event)
            for row in range(3):
                truth = Truth(number=truths[place + row])
                await by_either_door(setting, place, event.manifest.prediction_id, truth, row)
        found = await told(setting, lambda one: one.numbers == 30)
        await eventually(lambda: gauged(setting, "rmse", found.rmse))
        await eventually(lambda: gauged(setting, "mae", found.mae))
        await setting.models.delete("models/a")
        await eventually(lambda: gauged(setting, "mae", None))
    errors = np.abs(values - truths)
    assert found.mae == pytest.approx(errors.mean(), rel=CODED)
    assert found.rmse == pytest.approx(math.sqrt((errors**2).mean()), rel=CODED)
    assert (found.labels, found.HasField("accuracy"), found.HasField("precision")) == (0, False, False)


async def metrics(setting: Setting, groups: Sequence[Any], labels: int) -> rpc.GetMetricsResponse:
    """What the router's GetMetrics says, once so many rows have a truth."""
    found = rpc.GetMetricsResponse()
    room = reports(setting.connections, Heartbeats(setting.connections), setting.now)

    async def there() -> bool:
        found.CopyFrom(await room.of(setting.router, rpc.GetMetricsRequest(group_by=groups)))
        return found.total.labels == labels

    await eventually(there)
    return found


async def test_variants_and_segments_of_a_classification_router(setting: Setting) -> None:
    shares, true = drawn(7, 36)
    said = shares.argmax(axis=1)
    # Of variant, and of segment, by row.
    who, tier = np.array([*"ab"] * 18), np.array([*"xyz"] * 12)
    async with setting.background():
        for place, row in enumerate(shares):
            event = unsure(setting, row.tolist(), who[place])
            event.segments["tier"] = tier[place]
            await setting.record(event)
            label = Truth(label=LABELS[true[place]])
            await by_either_door(setting, place, event.manifest.prediction_id, label)
        by_variant = await metrics(setting, [VARIANT], 36)
        by_segment = await metrics(setting, [SEGMENT], 36)
        setting.router.task.positive_label = "yes"
        of_yes = await metrics(setting, [VARIANT], 36)
    losses = -np.log(shares[np.arange(36), true])
    rows = [(row, who == row.variant) for row in by_variant.rows]
    rows += [(row, tier == row.segment.removeprefix("tier=")) for row in by_segment.rows]
    rows.append((by_variant.total, np.ones(36, bool)))
    assert len(rows) == 6
    for row, chosen in rows:
        given, real = said[chosen], true[chosen]
        each = [
            (((given == one) & (real == one)).sum(), (given == one).sum(), (real == one).sum())
            for one in range(3)
        ]
        assert row.precision == pytest.approx(np.mean([right / max(one, 1) for right, one, _ in each]))
        assert row.recall == pytest.approx(np.mean([right / max(one, 1) for right, _, one in each]))
        assert row.f1 == pytest.approx(np.mean([2 * right / max(one + two, 1) for right, one, two in each]))
        assert row.accuracy == pytest.approx((given == real).mean())
        assert row.log_loss == pytest.approx(losses[chosen].mean(), rel=2.0**-BITS)
        assert not row.HasField("mae")
    right = ((said == 2) & (true == 2)).sum()
    assert of_yes.total.precision == pytest.approx(right / (said == 2).sum())
    assert of_yes.total.recall == pytest.approx(right / (true == 2).sum())


async def test_variants_of_a_regression_router_and_a_jury(setting: Setting) -> None:
    rng = np.random.default_rng(11)
    values, truths = rng.normal(1e6, 1e3, 24), rng.normal(1e6, 1e3, 24)
    async with setting.background():
        for place in range(24):
            event = number(setting, values[place], variant="ab"[place % 2])
            if place >= 16:
                # Nobody was chosen: the reply is what the router is measured on.
                event.manifest.decision.Clear()
                event.manifest.decision.mode = manifest.DECISION_MODE_ENSEMBLE
                event.manifest.participants[0].role = manifest.PARTICIPANT_ROLE_JUROR
            await setting.record(event)
            truth = Truth(number=truths[place])
            await by_either_door(setting, place, event.manifest.prediction_id, truth)
        found = await metrics(setting, [VARIANT], 24)
    errors = np.abs(values - truths)
    rows = {row.variant: row for row in found.rows} | {"all": found.total}
    for name, some in (("a", errors[:16:2]), ("b", errors[1:16:2]), ("", errors[16:]), ("all", errors)):
        assert rows[name].mae == pytest.approx(some.mean(), rel=2.0**-BITS)
        assert rows[name].rmse == pytest.approx(np.sqrt((some**2).mean()), rel=2.0**-BITS)
        for field in ("precision", "recall", "f1", "log_loss", "accuracy", "agreement"):
            assert not rows[name].HasField(field)


async def gauged(setting: Setting, measure: str, value: float | None) -> bool:
    labels = {"model": "models/a", "measure": measure}
    return setting.metrics.registry.get_sample_value("turnout_model_quality", labels) == value


async def test_a_corrected_number_corrects_the_error_and_a_model_without_a_number_has_none(
    setting: Setting,
) -> None:
    event = number(setting, 10.0)
    await setting.record(event)
    about = event.manifest.prediction_id
    async with setting.background():
        await setting.give(about, truth=Truth(number=14.0), feedback_id="one")
        await told(setting, lambda one: one.numbers == 1 and one.mae == 4)
        await setting.give(about, truth=Truth(number=9.5), feedback_id="two")
        found = await told(setting, lambda one: one.mae == 0.5)
        assert (found.numbers, found.rmse) == (1, 0.5)
        vector = number(setting, 1.0, 2.0)
        vector.rows = 1
        await setting.record(vector)
        await setting.give(vector.manifest.prediction_id, truth=Truth(number=1.0))
        await setting.give(await setting.predict("b", "yes"), truth=Truth(label="yes"))
        other = await told(setting, lambda one: one.labels == 1, "b")
        assert (other.scored, other.HasField("log_loss"), other.numbers) == (0, False, 0)
        assert (await told(setting, lambda _: True)).numbers == 1


async def panels(
    setting: Setting, writer: str, *members: tuple[str, int, int], rows: int, differing: int
) -> None:
    """Panels of this hour, as an aggregator counts them: of each member its variant, panels and dissents."""
    tally = PanelTally(format=1, panels=rows)
    for variant, judged, dissents in members:
        tally.members.add(variant=variant, judged=judged, dissents=dissents)
    tally.pairs.rows.append(rows)
    tally.pairs.differing.append(differing)
    hour = int(setting.now() // HOUR) * HOUR
    store = PanelStore(setting.connections)
    await store.write([Counted(setting.router.uid, hour, writer, tally)], setting.now())


async def test_agreement_is_that_of_all_panels_of_the_day_and_stays_with_who_takes_over(
    setting: Setting,
) -> None:
    def asks_both(router: Router) -> None:
        router.ensemble.SetInParent()

    await setting.routers.update(setting.router.name, asks_both)
    setting.router.ensemble.SetInParent()
    await panels(setting, "one", ("a", 8, 2), ("b", 8, 0), rows=8, differing=2)
    await panels(setting, "two", ("a", 12, 3), ("b", 4, 4), rows=4, differing=4)
    async with setting.background():
        found = await told(setting, lambda one: one.panels == 20)
        assert found.agreement == 0.75
        assert (await told(setting, lambda one: one.panels == 12, "b")).agreement == pytest.approx(8 / 12)
        reply = await metrics(setting, [VARIANT], 0)
        assert reply.total.agreement == 0.5
        shares = {row.variant: row.agreement for row in reply.rows if row.HasField("agreement")}
        assert shares == {"a": 0.75, "b": pytest.approx(8 / 12)}
        assert not any(row.HasField("agreement") for row in (await metrics(setting, [TIME], 0)).rows)
    version = (await ModelMetricsStore(setting.connections).read())[0]
    heir = setting.process(seed=4)
    async with setting.background(heir):
        await eventually(lambda: 0 in heir.ownership.owned)
        await setting.give(await setting.predict("a", "yes"), truth=Truth(label="yes"))
        found = await told(setting, lambda one: one.labels == 1)
    assert (found.panels, found.agreement) == (20, 0.75)
    log = await ModelMetricsStore(setting.connections).history(version)
    assert log is not None
    assert {one.panels for one in log.values()} == {20, 12}
