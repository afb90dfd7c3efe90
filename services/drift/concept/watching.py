"""A stream of losses under its detectors: the same bit for bit for the same losses in the same order.

What is usual is learnt from the first labels, as the upper end of a 99 % interval of their mean: the mean
itself would lie too low every other time, and detectors would then find a drift that never was. Absolute
errors become losses as shares of a scale, at most 1, so that no single wild one moves anything.

A drift lasts until as many labels as were learnt from have come since the last alarm, and their mean loss is
the usual one again. It is thought to have begun where the sum of losses above the usual one last rose from 0
(as E. S. Page's CUSUM tells the change, Biometrika 41, 1954).
"""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, pvariance
from typing import NamedTuple

from turnout.drift.v1.concept_pb2 import ConceptStream, ConceptWatch

from services.drift.concept.terms import Terms
from services.drift.detectors import DETECTORS
from services.drift.performance.estimates import share

# 0 for a right label and 1 for a wrong one; how far a number was off; what a reward lacked to the best one.
ERROR, ABSOLUTE, REWARD = "error", "absolute_error", "reward"
# One-sided 99 %.
Z = 2.326
# Errors four times the mean are as bad as can be: of exponential ones, one in fifty.
SCALE = 4.0
# Deviations of a loss above the usual one that are no excess yet: without, calm would be one long walk.
SLACK = 0.05


class Observed(NamedTuple):
    """The error of a row, of its prediction: 0 or 1, an absolute error, or what a reward lacked, 0 to 1."""

    prediction_id: str
    value: float


def begin(metric: str, terms: Terms, router: str = "") -> ConceptStream:
    """Before any label, or any reward of a router."""
    stream = ConceptStream(metric=metric, router=router, settings=terms.digest, scale=terms.scale or 0.0)
    if metric == ERROR:
        stream.scale = 1.0
    if stream.scale and terms.usual is not None:
        _watch(stream, terms, terms.usual)
    return stream


def fold(stream: ConceptStream, terms: Terms, observed: Sequence[Observed]) -> None:
    """Take errors in, in the order of their predictions; under other terms the stream begins anew."""
    if stream.settings != terms.digest:
        stream.CopyFrom(begin(stream.metric, terms, stream.router))
    if not observed:
        return
    stream.rows += len(observed)
    stream.folded_id = observed[-1].prediction_id
    if not stream.watches:
        lacking = terms.learning - len(stream.learning)
        stream.learning.extend(one.value for one in observed[:lacking])
        observed = observed[lacking:]
        if len(stream.learning) >= terms.learning:
            _learn(stream, terms)
    if stream.watches and observed:
        _look(stream, terms, observed)


def _learn(stream: ConceptStream, terms: Terms) -> None:
    values = list(stream.learning)
    stream.scale = stream.scale or SCALE * fmean(values) or 1.0
    losses = [min(value / stream.scale, 1.0) for value in values]
    _watch(stream, terms, terms.usual if terms.usual is not None else upper(losses, stream.metric))
    del stream.learning[:]


def upper(losses: Sequence[float], metric: str) -> float:
    """The upper end of the interval of a mean loss: Wilson's of labels, the normal one of errors. Of rewards
    that with a margin, for losses that none has shown yet: they can only add what there is up to 1."""
    average, rows = fmean(losses), len(losses)
    if metric == ERROR:
        told = share(sum(losses), rows, Z)
        return average if told is None or told.high is None else told.high
    margin = Z * Z / (2 * rows) * (1 - average) if metric == REWARD else 0.0
    return average + margin + sqrt(Z * Z * pvariance(losses, average) / rows + margin * margin)


def _watch(stream: ConceptStream, terms: Terms, usual: float) -> None:
    settings = terms.settings(usual)
    stream.usual = settings.usual
    for name, detector in DETECTORS.items():
        stream.watches.add(detector=name, state=detector.pack(detector.start(settings)))


def _look(stream: ConceptStream, terms: Terms, observed: Sequence[Observed]) -> None:
    losses = [min(one.value / stream.scale, 1.0) for one in observed]
    begun = _excess(stream, observed, losses)
    for watch in stream.watches:
        detector = DETECTORS[watch.detector]
        folded = detector.fold(detector.unpack(watch.state), losses)
        watch.state[:] = detector.pack(folded.state)
        at = 0
        for index in folded.alarms:
            _quiet(stream, watch, terms, losses[at : index + 1])
            _alarm(watch, observed[index].prediction_id, begun[index])
            at = index + 1
        _quiet(stream, watch, terms, losses[at:])


def _excess(
    stream: ConceptStream, observed: Sequence[Observed], losses: Sequence[float]
) -> list[tuple[str, int]]:
    """At each loss, the prediction at which the excess began that it is in, and the labels since."""
    excess, first, rows = stream.excess, stream.excess_id, stream.excess_rows
    usual, begun = stream.usual + SLACK * sqrt(stream.usual * (1 - stream.usual)), []
    for one, loss in zip(observed, losses, strict=True):
        if excess <= 0:
            first, rows = one.prediction_id, 0
        excess, rows = max(excess + loss - usual, 0.0), rows + 1
        begun.append((first, rows))
    stream.excess, stream.excess_id, stream.excess_rows = excess, first, rows
    return begun


def _alarm(watch: ConceptWatch, prediction_id: str, begun: tuple[str, int]) -> None:
    watch.alarms += 1
    watch.alarm_id = prediction_id
    watch.recent_rows, watch.recent_total = 0, 0.0
    # A drift that goes on raises alarm after alarm; it began but once.
    if not watch.since_id:
        watch.since_id, watch.delay = begun


def _quiet(stream: ConceptStream, watch: ConceptWatch, terms: Terms, losses: Sequence[float]) -> None:
    """Losses without an alarm. That a drift has ended is looked for after each, so that it does not hang on
    how many came at once."""
    for loss in losses:
        watch.recent_rows += 1
        watch.recent_total += loss
        enough = watch.recent_rows >= terms.learning
        if watch.since_id and enough and watch.recent_total <= stream.usual * watch.recent_rows:
            watch.since_id, watch.delay = "", 0
