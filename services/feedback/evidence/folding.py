"""One minute's observations into the state: pure, and the same bit for bit whoever does it, whenever.

What needs no label (counts, sample ratio, failures, latency) is folded as soon as a minute's events are
there; the rest once its labels are, or are missed. Both go minute by minute in the order of decisions, each
minute once.
"""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence

import numpy as np
from numpy.typing import NDArray
from turnout.feedback.v1.evidence_pb2 import EvidenceState

from services.feedback.evidence.observations import Flags, Floats, Observations, Places
from services.feedback.evidence.plan import Metric, Source, TestSpec, Watch
from services.feedback.sequential.folding import fold, start
from services.feedback.sequential.questions import Test
from services.feedback.sequential.srm import srm_fold, srm_start
from services.state.latency import cell_of
from services.state.outcomes import OTHER

# Values of all segments together; what comes later is OTHER.
MOST_SEGMENTS = 50
# What is asked within segments too.
SEGMENTED = ("primary", "loss")
_SEPARATOR = "\x1f"

DIFFERS = Test("differs")
# Values by metric, NaN where there is none.
Values = Mapping[str, Floats]


def key_of(treatment: str, test: str, segment: str = "") -> str:
    """Under which the state of a test stands."""
    return _SEPARATOR.join((segment, treatment, test))


def parts_of(key: str) -> tuple[str, str, str]:
    """Segment, treatment and test of a key."""
    segment, treatment, test = key.split(_SEPARATOR)
    return segment, treatment, test


def missing_key(treatment: str, metric: str) -> str:
    """Under which the test of missing values stands."""
    return _SEPARATOR.join((treatment, metric))


def missing_of(key: str) -> tuple[str, str]:
    """Treatment and metric of such a key."""
    treatment, metric = key.split(_SEPARATOR)
    return treatment, metric


def ratio_of(state: EvidenceState, watch: Watch) -> Floats:
    """The state of the test of the sample ratio."""
    return np.frombuffer(state.ratio, "<f8") if state.ratio else srm_start(len(watch.arms))


def question(spec: TestSpec) -> Test:
    """What the spec asks of the sequential tests."""
    return Test(spec.kind, spec.margin)


def state_of(blob: bytes, test: Test) -> Floats:
    """A stored state, or the first one."""
    return np.frombuffer(blob, "<f8") if blob else start(test)


def fold_seen(watch: Watch, state: EvidenceState, found: Observations) -> None:
    """Take a minute's observations into the counts, the sample ratio, and all tests that need no label."""
    for place, arm in enumerate(watch.arms):
        own = found.only(found.arm == place)
        counts = state.arms[arm]
        counts.decisions += len(own.arm)
        counts.failures += int(own.failed.sum())
        for ms in own.latency_ms.tolist():
            counts.latency_cells[cell_of(ms)] += 1
    if len(found.arm):
        state.ratio = _blob(srm_fold(ratio_of(state, watch), found.arm, found.shares))
    prompt = {name: one for name, one in watch.metrics.items() if one.prompt}
    _fold_values(watch, state, found, {name: prompt_values(one, found) for name, one in prompt.items()})


def fold_told(watch: Watch, state: EvidenceState, found: Observations, values: Values) -> None:
    """Take a minute's reported values into the tests; NaN stands for one that did not come."""
    for name, some in values.items():
        missed = np.isnan(some)
        for place, arm in enumerate(watch.arms):
            if absent := int((missed & (found.arm == place)).sum()):
                state.arms[arm].missing[name] += absent
        for treatment, pair in _pairs(watch, found.arm):
            key = missing_key(treatment, name)
            before = state_of(state.missing[key], DIFFERS)
            at = watch.arms.index(treatment)
            state.missing[key] = _blob(_folded(DIFFERS, before, found, at, missed.astype(float), pair))
    _fold_values(watch, state, found, values)


def prompt_values(metric: Metric, found: Observations) -> Floats:
    """Merits that the events themselves tell."""
    if metric.source is Source.FAILURE:
        return np.asarray(~found.failed, float)
    return np.asarray(found.latency_ms <= metric.slo_ms, float)


def _fold_values(watch: Watch, state: EvidenceState, found: Observations, values: Values) -> None:
    for name, some in values.items():
        for place, arm in enumerate(watch.arms):
            if there := int((~np.isnan(some) & (found.arm == place)).sum()):
                state.arms[arm].mature[name] += there
    asked = [spec for spec in watch.tests if spec.metric in values]
    for treatment, pair in _pairs(watch, found.arm):
        for spec in asked:
            _fold_test(watch, state.tests, key_of(treatment, spec.name), spec, found, values, pair)
        within = [spec for spec in asked if spec.name in SEGMENTED]
        for segment, inside in _segments(state, found) if within else ():
            for spec in within:
                key = key_of(treatment, spec.name, segment)
                _fold_test(watch, state.tests, key, spec, found, values, pair & inside)


def _fold_test(
    watch: Watch,
    states: MutableMapping[str, bytes],
    key: str,
    spec: TestSpec,
    found: Observations,
    values: Values,
    which: Flags,
) -> None:
    test, merit = question(spec), values[spec.metric]
    which = which & ~np.isnan(merit)
    if not which.any():
        return
    at = watch.arms.index(parts_of(key)[1])
    asked = np.where(spec.flip, 1.0 - merit, merit)
    if spec.kind == "binary":
        asked = rounded(asked, found)
    states[key] = _blob(_folded(test, state_of(states[key], test), found, at, asked, which))


def rounded(values: Floats, found: Observations) -> Floats:
    """Whole values of the same mean: a share of right rows is taken for right with just that probability.

    The draw hangs on the prediction's id alone, so that it tells nothing of the arm.
    """
    words = found.packed["id_high"] ^ _mixed(found.packed["id_low"])
    draw = (_mixed(words) >> np.uint64(11)) / 2.0**53
    return np.asarray(np.where(np.isnan(values), values, draw < values), float)


def _folded(test: Test, before: Floats, found: Observations, at: int, values: Floats, which: Flags) -> Floats:
    of_treatment, of_baseline = found.shares[which, at], found.shares[which, 0]
    share = of_treatment / (of_treatment + of_baseline)
    return fold(test, before, found.arm[which] == at, values[which], share)


def _pairs(watch: Watch, arm: Places) -> Iterator[tuple[str, Flags]]:
    """Each treatment, and the observations that are its own or the baseline's."""
    for place, treatment in enumerate(watch.arms):
        if place:
            yield treatment, (arm == 0) | (arm == place)


def _segments(state: EvidenceState, found: Observations) -> Sequence[tuple[str, Flags]]:
    """Values of segments with the observations in them; those that find no room are OTHER's."""
    known = {segment for segment, _, _ in map(parts_of, state.tests) if segment}
    inside: dict[str, Flags] = {}
    named = [(at, one) for at, some in enumerate(found.segments) for one in some]
    place = found.packed["segments"]
    # By the first prediction that has it: which one finds room must not hang on the table's order.
    first = {one: _first(place == at) for at, one in reversed(named)}
    for at, one in sorted(named, key=lambda each: (first[each[1]], each[1])):
        if not (place == at).any():
            continue
        segment = one
        if one not in known and len(known) >= MOST_SEGMENTS:
            segment, state.segments_full = f"{one.partition('=')[0]}={OTHER}", True
        known.add(segment)
        inside[segment] = inside.get(segment, np.zeros(len(place), bool)) | (place == at)
    return sorted(inside.items())


def _first(which: Flags) -> int:
    return int(np.argmax(which)) if which.any() else len(which)


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64: every bit of the result hangs on every bit of the word."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _blob(state: Floats) -> bytes:
    return state.astype("<f8").tobytes()
