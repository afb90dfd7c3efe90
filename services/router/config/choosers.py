"""Strategies that choose by what is measured or seen: their defaults and checks, as the router's own or as a
policy's."""

import math
from collections.abc import Callable
from typing import Any

from turnout.router.v1 import strategy_pb2 as strategies
from turnout.router.v1.router_pb2 import Router

from services.router.config.mentions import variant_named
from services.router.config.problems import Problems
from services.router.config.spans import check_span

# A quality is something that more of is better.
QUALITIES = ("accuracy", "f1", "precision", "recall", "agreement")
LOSSES = ("log_loss", "mae", "rmse")
METRICS = (*QUALITIES, *LOSSES, "latency_p50", "latency_p95", "latency_p99", "error_rate", "cost")
SHARES = (*QUALITIES, "error_rate")
LEAST_SAMPLES = 100
MOST_SAMPLES = 1_000_000
MOST_THRESHOLDS = 16
HALF_LIFE_SECONDS = 10.0
SHORTEST_HALF_LIFE, LONGEST_HALF_LIFE = 0.1, 3600.0
COMPLEXITY_THRESHOLD = 0.5
MOST_SPECIALISTS = 16
MOST_WORDS = 1000
LONGEST_WORD = 64


def fill(name: str, given: Any) -> None:
    """Write out the defaults of a strategy's message."""
    if name == "latency_based" and not given.HasField("half_life"):
        given.half_life.FromNanoseconds(int(HALF_LIFE_SECONDS * 1e9))
    if name in ("best_metric", "cost_aware"):
        given.metric = given.metric or "accuracy"
        if not given.HasField("min_samples"):
            given.min_samples = LEAST_SAMPLES
    if name == "complexity" and not given.HasField("threshold"):
        given.threshold = COMPLEXITY_THRESHOLD


def check(name: str, field: str, router: Router, given: Any, problems: Problems) -> None:
    """Everything about a strategy's message at `field`, which has its defaults."""
    if name in CHECKS:
        CHECKS[name](field, router, given, problems)


def _latency(field: str, _router: Router, given: strategies.LatencyBasedStrategy, problems: Problems) -> None:
    check_span(given.half_life, f"{field}.half_life", SHORTEST_HALF_LIFE, LONGEST_HALF_LIFE, problems)


def _best(field: str, _router: Router, given: strategies.BestMetricStrategy, problems: Problems) -> None:
    _metric(f"{field}.metric", given.metric, METRICS, problems)
    _samples(field, given.min_samples, problems)
    if given.HasField("min_value"):
        _number(f"{field}.min_value", given.min_value, problems)
        least = given.metric in QUALITIES
        _within_reach(f"{field}.min_value", given.metric, given.min_value, problems, least=least)
    if len(given.thresholds) > MOST_THRESHOLDS:
        problems.add(f"{field}.thresholds", f"at most {MOST_THRESHOLDS}, got {len(given.thresholds)}")
    seen: set[str] = set()
    for place, one in enumerate(given.thresholds):
        here = f"{field}.thresholds[{place}]"
        _metric(f"{here}.metric", one.metric, METRICS, problems)
        if one.metric in seen:
            problems.add(f"{here}.metric", f"{one.metric[:40]} has a threshold already")
        seen.add(one.metric)
        if not (one.HasField("min_value") or one.HasField("max_value")):
            problems.add(here, "needs min_value, max_value, or both")
        _number(f"{here}.min_value", one.min_value, problems)
        _number(f"{here}.max_value", one.max_value, problems)
        if one.HasField("min_value") and one.HasField("max_value") and one.min_value > one.max_value:
            said = f"not less than min_value, {one.min_value:g}; got {one.max_value:g}"
            problems.add(f"{here}.max_value", said)
        for side in ("min_value", "max_value"):
            if one.HasField(side):
                least = side == "min_value"
                _within_reach(f"{here}.{side}", one.metric, getattr(one, side), problems, least=least)


def _cost(field: str, _router: Router, given: strategies.CostAwareStrategy, problems: Problems) -> None:
    _metric(f"{field}.metric", given.metric, QUALITIES, problems)
    _samples(field, given.min_samples, problems)
    if not 0 < given.min_quality <= 1:
        said = f"is required: the least {given.metric[:40]}, above 0 and at most 1; got {given.min_quality:g}"
        problems.add(f"{field}.min_quality", said)


def _complexity(field: str, router: Router, given: strategies.ComplexityStrategy, problems: Problems) -> None:
    for name in ("small", "large"):
        _variant(f"{field}.{name}", router, getattr(given, name), problems)
    if given.small and variant_named(router, given.small) == variant_named(router, given.large):
        problems.add(f"{field}.large", "must differ from small")
    if not 0 <= given.threshold <= 1:
        problems.add(f"{field}.threshold", f"0 to 1, got {given.threshold:g}")
    if len(given.specialists) > MOST_SPECIALISTS:
        problems.add(f"{field}.specialists", f"at most {MOST_SPECIALISTS}, got {len(given.specialists)}")
    for place, one in enumerate(given.specialists):
        here = f"{field}.specialists[{place}]"
        _variant(f"{here}.variant", router, one.variant, problems)
        if not 2 <= len(set(one.words)) <= MOST_WORDS:
            said = f"2 to {MOST_WORDS} different words, as two of them decide; got {len(set(one.words))}"
            problems.add(f"{here}.words", said)
        for word in one.words[:MOST_WORDS]:
            if not _is_word(word):
                said = f"single words in lower case of at most {LONGEST_WORD} letters, got {word[:40]!r}"
                problems.add(f"{here}.words", said)
                break


def _is_word(word: str) -> bool:
    plain = word.replace("_", "a")
    return plain.isalnum() and word == word.lower() and len(word) <= LONGEST_WORD


def _metric(field: str, given: str, known: tuple[str, ...], problems: Problems) -> None:
    if given not in known:
        problems.add(field, f"one of {', '.join(known)}; got {given[:100]!r}")


def _samples(field: str, given: int, problems: Problems) -> None:
    if not 1 <= given <= MOST_SAMPLES:
        problems.add(f"{field}.min_samples", f"1 to {MOST_SAMPLES}, got {given}")


def _number(field: str, given: float, problems: Problems) -> None:
    if not math.isfinite(given):
        problems.add(field, f"a finite number, got {given:g}")


def _within_reach(field: str, metric: str, bound: float, problems: Problems, *, least: bool) -> None:
    """A bound that somebody can keep: no measure is below 0, and shares are at most 1."""
    if least and metric in SHARES and bound > 1:
        problems.add(field, f"at most 1, as no {metric} is greater; got {bound:g}")
    if not least and metric in METRICS and bound < 0:
        problems.add(field, f"0 or more, as no {metric} is less; got {bound:g}")


def _variant(field: str, router: Router, named: str, problems: Problems) -> None:
    if not named:
        problems.add(field, "is required: the id of a variant, or its model")
    elif variant_named(router, named) is None:
        problems.add(field, f"{named[:100]!r} is no variant of this router, nor the model of one")


CHECKS: dict[str, Callable[[str, Router, Any, Problems], None]] = {
    "latency_based": _latency,
    "best_metric": _best,
    "cost_aware": _cost,
    "complexity": _complexity,
}
