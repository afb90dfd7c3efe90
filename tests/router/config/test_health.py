"""Outlier detection and the limits of health: both sides of each limit, and the defaults."""

import math
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from turnout.router.v1.model_pb2 import Model, OutlierDetection
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.foundation.errors import RemoteError
from services.router.config.defaults import with_defaults
from services.router.config.health import (
    check_detection,
    check_limits,
    detection_with_defaults,
    limits_of,
    rules_of,
)
from services.router.config.problems import Problems
from services.router.health.mask import Limits
from services.router.health.rules import Rules
from tests.router.conftest import Desk, doctors


def wrong(**given: Any) -> set[str]:
    model = Model(outlier_detection=OutlierDetection(**given))
    detection_with_defaults(model)
    problems = Problems()
    check_detection(model, problems)
    return {one.field.removeprefix("model.outlier_detection.") for one in problems.wrong}


def span(seconds: float) -> Duration:
    made = Duration()
    made.FromNanoseconds(round(seconds * 1e9))
    return made


def test_the_defaults_are_written_out() -> None:
    model = Model(timeout=span(3.0))
    detection_with_defaults(model)
    told = model.outlier_detection
    assert (told.enabled, told.consecutive_failures, told.min_success_rate) == (True, 5, 0.5)
    assert (told.max_latency_factor, told.min_requests) == (0.0, 50)
    assert [one.seconds for one in (told.interval, told.base_ejection_time, told.max_ejection_time)] == [
        10,
        30,
        300,
    ]
    assert rules_of(model) == rules_of(Model(timeout=span(3.0))) == Rules(timeout=3.0)


def test_the_longest_time_is_at_least_the_base() -> None:
    model = Model(outlier_detection=OutlierDetection(base_ejection_time=span(900)))
    detection_with_defaults(model)
    assert model.outlier_detection.max_ejection_time.seconds == 900


@pytest.mark.parametrize(
    ("field", "right", "outside"),
    [
        ("consecutive_failures", (1, 1000), (0, 1001, -1)),
        ("min_success_rate", (0.0, 1.0), (-0.01, 1.01, math.nan)),
        ("max_latency_factor", (0.0, 1.01, 1000.0), (1.0, 0.5, -1.0, 1000.1, math.nan, math.inf)),
        ("min_requests", (1, 1_000_000), (0, 1_000_001)),
        ("interval", (span(0.1), span(3600)), (span(0.099), span(3601), span(-1))),
        ("base_ejection_time", (span(0.1), span(3600)), (span(0.099), span(3601))),
    ],
)
def test_each_limit_has_two_sides(field: str, right: tuple[Any, ...], outside: tuple[Any, ...]) -> None:
    assert [wrong(**{field: value}) for value in right] == [set()] * len(right)
    # A base beyond its limit drags the default of the longest time along.
    assert all(field in wrong(**{field: value}) for value in outside)


def test_the_longest_time_is_not_below_the_base() -> None:
    assert wrong(base_ejection_time=span(2), max_ejection_time=span(2)) == set()
    assert wrong(base_ejection_time=span(2), max_ejection_time=span(1.9)) == {"max_ejection_time"}


def test_a_duration_that_is_none_is_refused() -> None:
    assert "interval" in wrong(interval=Duration(seconds=1, nanos=-1))


def test_a_routers_limits_have_their_defaults() -> None:
    told = with_defaults(Router()).health
    assert (told.max_ejection_percentage, told.panic_percentage) == (50.0, 30.0)
    assert limits_of(Router()) == Limits(50.0, 30.0)
    assert limits_of(Router(health={"max_ejection_percentage": 0, "panic_percentage": 0})) == Limits(0.0, 0.0)


@pytest.mark.parametrize("field", ["max_ejection_percentage", "panic_percentage"])
@pytest.mark.parametrize(
    ("value", "sound"), [(0.0, True), (100.0, True), (-0.1, False), (100.1, False), (math.nan, False)]
)
def test_a_routers_limits_are_percentages(field: str, value: float, sound: bool) -> None:
    problems = Problems()
    check_limits(Router(health={field: value}), problems)
    assert [one.field for one in problems.wrong] == [] if sound else [f"router.health.{field}"]


async def test_a_registration_is_checked_and_echoes_what_it_is_held_to(desk: Desk) -> None:
    address = desk.servers["cancer-bayes"].address
    model = registration("cancer-boosting", address)
    model.outlier_detection.consecutive_failures = 1001
    with pytest.raises(RemoteError) as caught:
        await desk.register(model)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert [one.field for one in caught.value.fields] == ["model.outlier_detection.consecutive_failures"]
    assert caught.value.fields[0].description == "1 to 1000, got 1001"
    model.outlier_detection.consecutive_failures = 1000
    told = (await desk.register(model)).outlier_detection
    assert (told.consecutive_failures, told.min_requests, told.base_ejection_time.seconds) == (1000, 50, 30)


async def test_a_router_is_checked_and_echoes_its_limits(desk: Desk) -> None:
    wrong = doctors()
    wrong.health.panic_percentage = 101
    with pytest.raises(RemoteError) as caught:
        await desk.create("cancer", wrong)
    assert [one.field for one in caught.value.fields] == ["router.health.panic_percentage"]
    told = (await desk.create("cancer", doctors())).health
    assert (told.max_ejection_percentage, told.panic_percentage) == (50.0, 30.0)
