"""The figures of a model as they are published: from its newest labels, and from its calls of late."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.feedback.v1.traffic_pb2 import CallCounts

from services.feedback.crediting import MODEL_WINDOW
from services.feedback.quality import f1
from services.state.labels import Pair, counted
from services.state.latency import quantile
from services.state.rewards import UNITS

PERCENTILES = (("latency_p50_ms", 0.5), ("latency_p95_ms", 0.95), ("latency_p99_ms", 0.99))


class Labelled(NamedTuple):
    """One partition's share of a model's labels: right answers, pairs as numbers, names of labels."""

    shares: NDArray[Any]
    pairs: NDArray[Any]
    names: Mapping[int, str]


class Quality(NamedTuple):
    """How right a model was of late; None where nothing says so."""

    labels: int = 0
    accuracy: float | None = None
    f1: float | None = None


def quality_of(parts: Sequence[Labelled], positive: str) -> Quality:
    """Over the newest MODEL_WINDOW labels of all partitions together, by the ids of their predictions."""
    kept_shares = newest([part.shares for part in parts])
    labels = sum(len(kept) for kept in kept_shares)
    right = sum(int(kept["units"].sum()) for kept in kept_shares)
    pairs: Counter[Pair] = Counter()
    for part, kept in zip(parts, newest([part.pairs for part in parts]), strict=True):
        pairs.update(counted(kept["units"], part.names))
    return Quality(labels, right / labels / UNITS, f1(pairs, positive)) if labels else Quality()


def newest(windows: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """What of each sorted window is among the newest MODEL_WINDOW entries of all."""
    tails = [window[-MODEL_WINDOW:] for window in windows]
    owners = np.repeat(np.arange(len(tails)), [len(tail) for tail in tails])
    if len(owners) <= MODEL_WINDOW:
        return tails
    entries: NDArray[Any] = np.concatenate(tails)
    order = np.lexsort((entries["row"], entries["id_low"], entries["id_high"]))[-MODEL_WINDOW:]
    # Each window is sorted by itself: what it keeps is its end.
    kept = np.bincount(owners[order], minlength=len(tails))
    return [tail[len(tail) - count :] for tail, count in zip(tails, kept.tolist(), strict=True)]


def added(counts: Iterable[CallCounts]) -> CallCounts:
    """The counts of several buckets as one."""
    total = CallCounts()
    for one in counts:
        total.calls += one.calls
        total.failures += one.failures
        for cell, count in one.latency_cells.items():
            total.latency_cells[cell] += count
        for currency, amount in one.cost.items():
            total.cost[currency] += amount
            total.priced[currency] += one.priced[currency]
    return total


def metrics_of(uid: str, name: str, quality: Quality, calls: CallCounts) -> ModelMetrics:
    """The message, without version and time."""
    made = ModelMetrics(
        model_uid=uid,
        model=name,
        labels=quality.labels,
        accuracy=quality.accuracy,
        f1=quality.f1,
        requests=calls.calls,
        error_rate=calls.failures / calls.calls if calls.calls else None,
    )
    for field, share in PERCENTILES:
        value = quantile(calls.latency_cells, share)
        if value is not None:
            setattr(made, field, value)
    if calls.priced:
        # A price list changes its currency rarely: the one that most calls were priced in.
        currency = max(sorted(calls.priced), key=calls.priced.__getitem__)
        made.cost, made.currency = calls.cost[currency] / calls.priced[currency], currency
    return made


def quality_told(metrics: ModelMetrics) -> Quality:
    """The quality that was published."""
    return Quality(
        metrics.labels,
        metrics.accuracy if metrics.HasField("accuracy") else None,
        metrics.f1 if metrics.HasField("f1") else None,
    )


def same(one: ModelMetrics | None, other: ModelMetrics) -> bool:
    """Whether two say the same, whenever they were computed."""
    if one is None:
        return False
    left, right = ModelMetrics(), ModelMetrics()
    left.CopyFrom(one)
    right.CopyFrom(other)
    for each in (left, right):
        each.ClearField("compute_time")
        each.version = each.format = 0
    return left == right
