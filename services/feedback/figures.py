"""The figures of a model as they are published: from its newest labels, and from its calls of late."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.feedback.v1.traffic_pb2 import CallCounts

from services.feedback.crediting import MODEL_WINDOW
from services.state.agreements import Agreed
from services.state.claims import UNITS
from services.state.confusion import LabelQuality, confusion
from services.state.labels import Pair, counted
from services.state.latency import quantile
from services.state.magnitudes import values_of
from services.state.rewards import WINDOW

NOTHING = np.zeros(0, WINDOW)
PERCENTILES = (("latency_p50_ms", 0.5), ("latency_p95_ms", 0.95), ("latency_p99_ms", 0.99))


class Labelled(NamedTuple):
    """One partition's share of what is known of a model: right answers, pairs as numbers, names of labels;
    log-losses and absolute errors as codes of magnitudes."""

    shares: NDArray[Any] = NOTHING
    pairs: NDArray[Any] = NOTHING
    names: Mapping[int, str] = {}
    losses: NDArray[Any] = NOTHING
    errors: NDArray[Any] = NOTHING


class Quality(NamedTuple):
    """How right a model was of late; None where nothing says so. labels, scored, numbers: what accuracy and
    `of_labels`, the log-loss, and the errors rest on."""

    labels: int = 0
    accuracy: float | None = None
    of_labels: LabelQuality = LabelQuality()
    scored: int = 0
    log_loss: float | None = None
    numbers: int = 0
    mae: float | None = None
    rmse: float | None = None

    @property
    def known(self) -> bool:
        """Whether anything is."""
        return bool(self.labels or self.numbers)


def quality_of(parts: Sequence[Labelled], positive: str) -> Quality:
    """Over the newest MODEL_WINDOW labels, and numbers, of all partitions together, by the ids of their
    predictions."""
    kept_shares = newest([part.shares for part in parts])
    labels = sum(len(kept) for kept in kept_shares)
    right = sum(int(kept["units"].sum()) for kept in kept_shares)
    pairs: Counter[Pair] = Counter()
    for part, kept in zip(parts, newest([part.pairs for part in parts]), strict=True):
        pairs.update(counted(kept["units"], part.names))
    losses = _magnitudes([part.losses for part in parts])
    errors = _magnitudes([part.errors for part in parts])
    return Quality(
        labels,
        right / labels / UNITS if labels else None,
        confusion(pairs).quality(positive),
        len(losses),
        float(losses.mean()) if len(losses) else None,
        len(errors),
        float(errors.mean()) if len(errors) else None,
        float(np.sqrt(np.square(errors).mean())) if len(errors) else None,
    )


def _magnitudes(windows: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    kept = newest(windows)
    # Sorted, so that the rounding of their sum does not depend on who read which partition first.
    return np.sort(values_of(np.concatenate([one["units"] for one in kept]))) if kept else np.zeros(0)


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


def metrics_of(uid: str, name: str, quality: Quality, calls: CallCounts, agreed: Agreed) -> ModelMetrics:
    """The message, without version and time."""
    made = ModelMetrics(
        model_uid=uid,
        model=name,
        labels=quality.labels,
        accuracy=quality.accuracy,
        **quality.of_labels._asdict(),
        scored=quality.scored,
        log_loss=quality.log_loss,
        numbers=quality.numbers,
        mae=quality.mae,
        rmse=quality.rmse,
        panels=agreed.of,
        agreement=agreed.share,
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
    told = {field.name: value for field, value in metrics.ListFields()}
    return Quality(
        metrics.labels,
        told.get("accuracy"),
        LabelQuality(*(told.get(name) for name in LabelQuality._fields)),
        metrics.scored,
        told.get("log_loss"),
        metrics.numbers,
        told.get("mae"),
        told.get("rmse"),
    )


def agreement_told(metrics: ModelMetrics) -> Agreed:
    """The agreement that was published."""
    return Agreed(metrics.panels, round(metrics.agreement * metrics.panels))


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
