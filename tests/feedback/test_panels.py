"""Who of a full panel was right: each row with truth once, whatever comes twice, late, or disordered."""

import itertools
import random
import time
from collections.abc import Callable, Sequence

import pytest
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth

from services.feedback.crediting import Told
from services.feedback.panels import panel_truths
from services.feedback.wire.records import prediction_of
from services.state import ids, panel_keys
from services.state import panel_truths as store
from services.state.connection import Connections
from services.state.errors import NewerFormat
from services.state.panel_truths import (
    ANSWERED,
    CHEAPEST,
    ONLY_MEMBER,
    ONLY_VERDICT,
    RIGHT,
    PanelTruth,
    PanelTruthStore,
    RightCounts,
)
from tests.feedback import recorded
from tests.feedback.conftest import Setting
from tests.waiting import eventually

NOW, UID = recorded.NOW, recorded.ROUTER_UID
HOUR = 3600


def jury(id_: str, labels: dict[str, str], verdict: str, uid: str = UID, **costs: float) -> PredictionEvent:
    """A full panel that may be learnt from, and what it answered."""
    made = recorded.jury(id_, labels, uid)
    made.manifest.router = "routers/learner"
    made.output.classification.label = verdict
    made.manifest.aggregation.full_panel = made.manifest.aggregation.representative = True
    for one in made.manifest.participants:
        if one.variant in costs:
            one.cost.amount, one.cost.currency = costs[one.variant], "EUR"
    return made


def truth_of(
    event: PredictionEvent, label: str | None, observed: int = 1, id_: str = "f"
) -> list[PanelTruth]:
    return panel_truths(prediction_of(event), Told(0, label, observed, id_), 30 * 86_400.0)


async def counts(connections: Connections, now: float = NOW, uid: str = UID) -> RightCounts:
    hours = [int(now // HOUR) * HOUR - HOUR, int(now // HOUR) * HOUR]
    return await PanelTruthStore(connections.steady).read(uid, hours)


def members(found: RightCounts, variant: str) -> list[int]:
    return [found.of(kind, variant) for kind in (ANSWERED, RIGHT, ONLY_MEMBER, ONLY_VERDICT, CHEAPEST)]


PANELS = [
    ({"a": "yes", "b": "yes", "c": "no"}, "yes"),
    ({"a": "yes", "b": "no", "c": "no"}, "no"),
    ({"a": "no", "b": "no"}, "no"),
]


async def test_members_are_compared_with_the_verdict_on_the_same_rows(connections: Connections) -> None:
    truths = []
    for number, (labels, verdict) in enumerate(PANELS):
        event = jury(recorded.prediction_id(number), labels, verdict, a=3.0, b=1.0, c=2.0)
        truths += truth_of(event, "yes")
    await PanelTruthStore(connections.steady).count(truths, NOW)
    found = await counts(connections)
    assert (found.rows, found.verdict_right, found.priced, found.cheaper) == (3, 1, 3, 2)
    assert members(found, "a") == [3, 2, 1, 0, 1]
    assert members(found, "b") == [3, 1, 0, 0, 1]
    assert members(found, "c") == [2, 0, 0, 1, 0]


async def test_any_order_of_corrections_and_repeats_counts_the_same(connections: Connections) -> None:
    event = jury(recorded.prediction_id(1), *PANELS[0], a=3.0, b=1.0, c=2.0)
    said = [truth_of(event, "yes", 1, "x"), truth_of(event, "no", 2, "x"), truth_of(event, "maybe", 2, "w")]
    expected = None
    for order in itertools.permutations(said):
        await connections.steady.flushdb()
        for (one,) in (*order, *reversed(order), order[0]):
            await PanelTruthStore(connections.steady).count([one], NOW)
        found = await counts(connections)
        expected = expected or found
        assert found == expected
        # The latest counts, of two at once the one with the greater id: "no".
        assert (found.rows, found.verdict_right, found.of(RIGHT, "c"), found.of(RIGHT, "a")) == (1, 0, 1, 0)


async def test_microseconds_tell_corrections_apart(connections: Connections) -> None:
    event, moment = jury(recorded.prediction_id(1), *PANELS[0]), 1_750_000_000_123_456
    later = await PanelTruthStore(connections.steady).count(truth_of(event, "yes", moment + 1), NOW)
    earlier = await PanelTruthStore(connections.steady).count(truth_of(event, "no", moment), NOW)
    assert (later, earlier) == (["ACCEPTED"], ["SUPERSEDED"])
    assert (await counts(connections)).verdict_right == 1


async def test_past_the_horizon_nothing_changes(connections: Connections) -> None:
    event = jury(recorded.prediction_id(1), *PANELS[0])
    outcome = await PanelTruthStore(connections.steady).count(truth_of(event, "yes"), NOW + 31 * 86_400)
    assert outcome == ["EXPIRED"]
    assert (await counts(connections)).rows == 0


async def test_an_hour_that_is_full_takes_corrections_and_no_new_rows(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_FIELDS", 5)
    first, second = (jury(recorded.prediction_id(number), *PANELS[0]) for number in (1, 2))
    counter = PanelTruthStore(connections.steady)
    assert await counter.count(truth_of(first, "yes"), NOW) == ["ACCEPTED"]
    assert await counter.count(truth_of(second, "yes"), NOW) == ["FULL"]
    assert await counter.count(truth_of(first, "no", 2), NOW) == ["CORRECTED"]
    found = await counts(connections)
    assert (found.rows, found.verdict_right, members(found, "c")[:3]) == (1, 0, [1, 1, 1])


async def test_counts_of_a_newer_version_are_neither_read_nor_added_to(connections: Connections) -> None:
    event = jury(recorded.prediction_id(1), *PANELS[0])
    hour = int(ids.time_of(event.manifest.prediction_id) // HOUR) * HOUR
    key = panel_keys.panel_truths(recorded.PARTITION, UID, hour)
    await connections.steady.hset(key, "format", 99)
    await connections.steady.expire(key, 60)
    with pytest.raises(NewerFormat):
        await PanelTruthStore(connections.steady).count(truth_of(event, "yes"), NOW)
    with pytest.raises(NewerFormat):
        await counts(connections)


def _unfair(event: PredictionEvent) -> None:
    event.manifest.aggregation.representative = False


def _alone(event: PredictionEvent) -> None:
    del event.outputs[1:]


def _numbers(event: PredictionEvent) -> None:
    for one in event.outputs:
        one.output.regression.values.append(1.0)


def _nobody(event: PredictionEvent) -> None:
    for one in event.outputs:
        one.participant += 1000


def _judges(event: PredictionEvent) -> None:
    for one in event.manifest.participants:
        one.role = manifest.PARTICIPANT_ROLE_VERIFIER


@pytest.mark.parametrize("spoil", [_unfair, _alone, _numbers, _nobody, _judges])
def test_what_is_no_panel_of_labels_is_passed_over(spoil: Callable[[PredictionEvent], None]) -> None:
    event = jury(recorded.prediction_id(1), *PANELS[0])
    assert truth_of(event, "yes")
    spoil(event)
    assert truth_of(event, "yes") == []


def test_a_truth_without_a_label_says_nothing_of_a_panel() -> None:
    assert truth_of(jury(recorded.prediction_id(1), *PANELS[0]), None) == []


def test_a_cost_that_is_unknown_leaves_the_row_unpriced() -> None:
    (known,) = truth_of(jury(recorded.prediction_id(1), *PANELS[0], a=1.0, b=2.0, c=3.0), "yes")
    (unknown,) = truth_of(jury(recorded.prediction_id(1), *PANELS[0], a=1.0, b=2.0), "yes")
    assert (known.cheapest, unknown.cheapest) == ("a", None)


async def test_truth_reaches_the_counts_from_the_door_before_or_after_its_record(setting: Setting) -> None:
    rng = random.Random(3)
    made = [_recorded(setting, number, rng) for number in range(6)]
    async with setting.background():
        for event, _ in made[:3]:
            await setting.record(event)
        for event, label in made:
            await setting.give(event.manifest.prediction_id, truth=Truth(label=label))
        for event, _ in made[3:]:
            await setting.record(event)

        async def all_counted() -> bool:
            return (await counts(setting.connections, time.time(), setting.router.uid)).rows == len(made)

        await eventually(all_counted)
    found = await counts(setting.connections, time.time(), setting.router.uid)
    assert found.verdict_right == sum(event.output.classification.label == label for event, label in made)
    for variant, place in (("a", 0), ("b", 1)):
        right = sum(event.outputs[place].output.classification.label == label for event, label in made)
        assert found.of(RIGHT, variant) == right


def _recorded(setting: Setting, number: int, rng: random.Random) -> tuple[PredictionEvent, str]:
    said: Sequence[str] = rng.choices(["yes", "no"], k=4)
    id_ = recorded.prediction_id(number, time.time(), setting.partition)
    return jury(id_, {"a": said[0], "b": said[1]}, said[2], setting.router.uid), said[3]
