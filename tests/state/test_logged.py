"""A batch is read without what cannot be read, whether its events are checked together or one by one."""

import random

import pytest
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent

from services.state import formats
from services.state.errors import NewerFormat
from services.state.ids import new_prediction_id
from services.state.logged import FEW, read, read_packed

NOW = 1_760_000_000


def events(size: int) -> list[PredictionEvent]:
    rng, made = random.Random(size), list[PredictionEvent]()
    for place in range(size):
        event = PredictionEvent(format=formats.PREDICTION_EVENT, external_id=f"o-{place}")
        event.manifest.prediction_id = new_prediction_id(place % 64, NOW + place, rng)
        event.time.FromNanoseconds(int((NOW + place) * 1e9) + rng.randrange(10**9))
        if place % 3:
            event.event_time.FromSeconds(NOW - 3600 * place)
        event.features.numeric_features["age"] = place
        made.append(event)
    return made


def wire_of(given: list[PredictionEvent]) -> bytes:
    return EventBatch(predictions=[one.SerializeToString() for one in given]).SerializeToString()


def spoil(event: PredictionEvent, how: str) -> None:
    match how:
        case "no id":
            event.manifest.prediction_id = ""
        case "an id of another kind":
            event.manifest.prediction_id = (
                event.manifest.prediction_id[:14] + "4" + event.manifest.prediction_id[15:]
            )
        case "a time of another age":
            event.time.seconds = 2**40
        case "nanoseconds that are none":
            event.time.nanos = 1_000_000_000
        case "an event's time before all":
            event.event_time.seconds = -1


HOWS = [
    "no id",
    "an id of another kind",
    "a time of another age",
    "nanoseconds that are none",
    "an event's time before all",
]


@pytest.mark.parametrize("size", [1, FEW - 1, FEW, 300])
@pytest.mark.parametrize("how", HOWS)
def test_what_is_wrong_with_one_costs_no_other(size: int, how: str) -> None:
    given = events(size)
    spoilt = random.Random(how).randrange(size)
    spoil(given[spoilt], how)
    wire = wire_of(given)
    wanted = [one.external_id for place, one in enumerate(given) if place != spoilt]
    assert [one.external_id for one in read_packed(wire).predictions] == wanted
    assert [one.external_id for one in read(wire).predictions] == wanted


@pytest.mark.parametrize("size", [0, 1, FEW - 1, FEW, 300])
def test_those_that_are_sound_are_all_read(size: int) -> None:
    given = events(size)
    found = read_packed(wire_of(given)).predictions
    assert [PredictionEvent.FromString(one.SerializeToString()) for one in found] == given


@pytest.mark.parametrize("size", [1, FEW, 300])
def test_times_that_are_not_told_or_of_long_ago_are_times(size: int) -> None:
    given = events(size)
    given[0].ClearField("time")
    given[-1].event_time.seconds = 5
    assert len(read_packed(wire_of(given)).predictions) == size


@pytest.mark.parametrize("size", [1, FEW, 300])
def test_a_newer_format_is_refused_as_a_whole(size: int) -> None:
    given = events(size)
    given[-1].format += 1
    with pytest.raises(NewerFormat):
        read_packed(wire_of(given))


def whole(size: int) -> list[PredictionEvent]:
    """Events that all have features, and say all or none when they were."""
    given = events(size)
    for one in given:
        one.event_time.CopyFrom(one.time)
    return given


def test_columns_are_what_each_event_says() -> None:
    for told in (True, False):
        given = whole(300)
        for place, one in enumerate(given):
            if told:
                one.event_time.seconds -= place
            else:
                one.ClearField("event_time")
        found = read_packed(wire_of(given))
        assert found.columns is not None
        seconds = [(one.event_time if told else one.time).seconds for one in given]
        assert found.columns.seconds.tolist() == seconds
        assert list(found.columns.features) == [one.features.SerializeToString() for one in given]
        some = found.columns.at([7, 3, 299])
        assert some.seconds.tolist() == [seconds[place] for place in (7, 3, 299)]
        assert some.features == [given[place].features.SerializeToString() for place in (7, 3, 299)]


@pytest.mark.parametrize("how", [*HOWS, "no features", "empty features", "withheld", "some untold", "few"])
def test_there_are_columns_only_where_each_event_has_all(how: str) -> None:
    given = whole(FEW - 1 if how == "few" else 300)
    match how:
        case "no features":
            given[5].ClearField("features")
        case "empty features":
            given[5].features.Clear()
        case "withheld":
            given[5].withheld.append("age")
        case "some untold":
            given[5].ClearField("event_time")
        case _:
            spoil(given[5], how)
    found = read_packed(wire_of(given))
    assert found.columns is None
    assert len(found.predictions) == len(given) - (how in HOWS)
