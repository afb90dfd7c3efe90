"""Strategies that read measured metrics: best_metric and cost_aware; and single, which reads nothing."""

from collections.abc import Mapping, Sequence

import pytest

from services.router.strategies import best_metric, cost_aware, single
from services.router.strategies.state import Allocation, Candidate, Measured, RoutingState

Measurements = Mapping[str, Mapping[str, Measured]]
Parameters = Mapping[str, float | str]

ABC = (Candidate("a", 50), Candidate("b", 30), Candidate("c", 20))
ACCURACY: Parameters = {"metric": "accuracy", "min_samples": 100.0}
QUALITY: Parameters = {"metric": "accuracy", "min_quality": 0.9, "min_samples": 100.0}


def _told(samples: int = 1_000, **metrics: float) -> dict[str, Measured]:
    return {name: Measured(value, samples) for name, value in metrics.items()}


def _best(
    measured: Measurements, parameters: Parameters = ACCURACY, candidates: Sequence[Candidate] = ABC
) -> Allocation:
    return best_metric.allocate(RoutingState(candidates, measured=measured, parameters=parameters))


def _cheap(measured: Measurements, candidates: Sequence[Candidate] = ABC) -> Allocation:
    return cost_aware.allocate(RoutingState(candidates, measured=measured, parameters=QUALITY))


def test_the_most_accurate_gets_everything_and_equals_share() -> None:
    assert _best({"a": _told(accuracy=0.9), "b": _told(accuracy=0.95), "c": _told(accuracy=0.8)}) == (0, 1, 0)
    assert _best({"a": _told(accuracy=0.9), "b": _told(accuracy=0.9)}) == (0.5, 0.5, 0)


@pytest.mark.parametrize("metric", ["latency_p95", "error_rate", "cost"])
def test_less_is_better_of_latency_errors_and_cost(metric: str) -> None:
    measured = {
        name: {metric: Measured(value, 1_000)} for name, value in zip("abc", (3.0, 1.0, 2.0), strict=True)
    }
    assert _best(measured, {"metric": metric, "min_samples": 100.0}) == (0, 1, 0)
    bounded: Parameters = {"metric": metric, "min_samples": 100.0, "min_value": 0.5}
    assert _best(measured, bounded) == (0.5, 0.3, 0.2)


@pytest.mark.parametrize(("samples", "chosen"), [(100, (0, 1, 0)), (99, (1, 0, 0))])
def test_a_value_counts_from_the_least_number_of_samples_on(samples: int, chosen: Allocation) -> None:
    assert _best({"a": _told(accuracy=0.7), "b": _told(samples, accuracy=0.99)}) == chosen


def test_a_model_takes_part_only_within_every_bound() -> None:
    measured = {
        "a": _told(accuracy=0.99, latency_p95=80.0),
        "b": _told(accuracy=0.95, latency_p95=20.0),
        "c": _told(accuracy=0.97),
    }
    assert _best(measured, {**ACCURACY, "max:latency_p95": 50.0}) == (0, 1, 0)
    assert _best(measured, {**ACCURACY, "min_value": 0.99}) == (1, 0, 0)


def test_without_evidence_nobody_is_preferred() -> None:
    assert _best({}) == (0.5, 0.3, 0.2)
    assert _cheap({}) == (0.5, 0.3, 0.2)


def test_the_cheapest_that_is_good_enough() -> None:
    measured = {
        "a": _told(accuracy=0.99, cost=10.0),
        "b": _told(accuracy=0.90, cost=3.0),
        "c": _told(accuracy=0.89, cost=1.0),
    }
    assert _cheap(measured) == (0, 1, 0)
    del measured["b"]["cost"]
    assert _cheap(measured) == (1, 0, 0)


def test_a_declared_price_stands_for_the_cost_until_one_is_measured() -> None:
    measured = {
        "a": _told(accuracy=0.99, declared_cost=2.0),
        "b": _told(accuracy=0.95, cost=3.0, declared_cost=0.1),
        "c": _told(accuracy=0.95),
    }
    assert _cheap(measured) == (1, 0, 0)
    measured["a"]["cost"] = Measured(4.0, 10)
    assert _cheap(measured) == (0, 1, 0)


def test_where_nobody_is_good_enough_the_best_serves_whatever_it_costs() -> None:
    assert _cheap({"a": _told(accuracy=0.7, cost=9.0), "b": _told(accuracy=0.6, cost=1.0)}) == (1, 0, 0)


def test_who_is_out_is_neither_best_nor_cheapest() -> None:
    out = (Candidate("a", 50, eligible=False), *ABC[1:])
    measured = {"a": _told(accuracy=0.99, cost=0.1), "b": _told(accuracy=0.95, cost=5.0)}
    assert _best(measured, candidates=out) == (0, 1, 0)
    assert _cheap(measured, candidates=out) == (0, 1, 0)


def test_one_variant_gets_everything_or_nothing() -> None:
    """Where it may not answer, whoever asked decides what that means: see shares.py."""
    able, unable = Candidate("a"), Candidate("a", eligible=False)
    assert single.allocate(RoutingState([able, Candidate("b")], parameters={"variant": "a"})) == (1.0, 0.0)
    assert single.allocate(RoutingState([unable, Candidate("b")], parameters={"variant": "a"})) == (0.0, 0.0)
