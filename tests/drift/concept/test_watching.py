"""What detectors make of a stream of errors whose usual rate they have to learn."""

from math import sqrt
from typing import Any

import numpy as np
import pytest
from turnout.drift.v1 import concept_pb2 as concept
from turnout.drift.v1.concept_pb2 import (
    ConceptDetection,
    ConceptProgress,
    ConceptState,
    ConceptStream,
    LabelProgress,
)

from services.drift.concept import watching
from services.drift.concept.telling import DRIFT, INSUFFICIENT, OK, told
from services.drift.concept.terms import DETECTOR_NAMES, Terms, faults, terms_of
from services.drift.concept.watching import ABSOLUTE, ERROR, Observed
from services.state import ids

START = 1_750_000_000.0
CALM = 6000


def stream_of(values: list[float], start: int = 0) -> list[Observed]:
    """An error a second, in the order of the predictions."""
    return [
        Observed(f"{ids.first_id_at(START + start + number)}-8000-000000000000", value)
        for number, value in enumerate(values)
    ]


def errors(rng: np.random.Generator, rate: float, rows: int) -> list[float]:
    return [float(one) for one in rng.random(rows) < rate]


def watched(terms: Terms, values: list[float], metric: str = ERROR) -> ConceptStream:
    stream = watching.begin(metric, terms)
    watching.fold(stream, terms, stream_of(values))
    return stream


def status(stream: ConceptStream, detection: ConceptDetection) -> concept.ConceptStatus:
    return told(detection, {3: ConceptState(streams=[stream])}, {}).status


def watch(stream: ConceptStream, name: str = "shiryaev_roberts") -> concept.ConceptWatch:
    return next(one for one in stream.watches if one.detector == name)


@pytest.mark.parametrize("metric", [ERROR, ABSOLUTE])
def test_folding_in_pieces_is_folding_at_once_bit_for_bit(metric: str) -> None:
    rng = np.random.default_rng(3)
    terms = terms_of(ConceptDetection(learning_labels=300, labels_between_alarms=1000))
    values = [*errors(rng, 0.1, 900), *errors(rng, 0.6, 700), *errors(rng, 0.1, 2500)]
    if metric == ABSOLUTE:
        values = (np.array(values) + rng.exponential(0.2, len(values))).tolist()
    whole, pieces, at = watched(terms, values, metric), watching.begin(metric, terms), 0
    observed = stream_of(values)
    while at < len(observed):
        size = int(rng.integers(1, 200))
        watching.fold(pieces, terms, observed[at : at + size])
        at += size
    assert whole.SerializeToString(deterministic=True) == pieces.SerializeToString(deterministic=True)
    assert watch(whole).alarms > 0


def test_what_is_usual_is_seldom_learnt_too_low() -> None:
    """A one-sided interval of 99 %: too low once in a hundred; of 400, more than 12 would be one in a
    thousand (a binomial of mean 4 and deviation 2, and four deviations)."""
    terms, low = terms_of(ConceptDetection(learning_labels=200)), 0
    for seed in range(400):
        low += watched(terms, errors(np.random.default_rng(seed), 0.1, 200)).usual < 0.1
    assert low <= 12


def test_a_rise_is_found_and_calm_is_calm_with_what_was_learnt() -> None:
    """10 % errors, 1,000 labels to learn from, 5,000 in calm, then 20 %. With a usual loss of about 12.4 %
    the log of the best bet grows by about KL = .2 ln(.2/.124) + .8 ln(.8/.876) = .0230 a label, so ln 1e6 =
    13.8 takes 600; that stakes are few costs a little, and the mean of four 1.4 more."""
    delays, begun, wolves, runs = [], [], 0, 8
    terms = terms_of(ConceptDetection())
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        stream = watched(terms, errors(rng, 0.1, CALM))
        wolves += watch(stream).alarms > 0
        watching.fold(stream, terms, stream_of(errors(rng, 0.2, 3000), CALM))
        assert status(stream, ConceptDetection()) == DRIFT
        begun.append(ids.time_of(watch(stream).since_id) - START)
        delays.append(watch(stream).delay)
    assert np.median(delays) < 1000
    # In calm the excess drifts by -.04 and spreads by .3: it goes after (.3 / .04)^2 = 56.
    assert np.median(np.abs(np.array(begun) - CALM)) < 10 * 56
    # 1 % of usual losses are learnt too low, and of the others one in two hundred runs alarms.
    assert wolves <= 0.015 * runs + 3 * sqrt(0.015 * runs)


@pytest.mark.parametrize("number", DETECTOR_NAMES, ids=DETECTOR_NAMES.values())
def test_each_detector_is_listened_to_where_it_is_chosen(number: concept.ConceptDetector) -> None:
    detection = ConceptDetection(detector=number, usual_loss=0.1)
    rng = np.random.default_rng(5)
    terms = terms_of(detection)
    stream = watched(terms, errors(rng, 0.1, 3000))
    assert status(stream, detection) == OK
    watching.fold(stream, terms, stream_of(errors(rng, 0.5, 1000), 3000))
    found = told(
        detection,
        {3: ConceptState(streams=[stream])},
        {3: ConceptProgress(labels={"a": LabelProgress(late=4), "b": LabelProgress(late=3)})},
    )
    assert found.status == DRIFT
    assert found.since.seconds == pytest.approx(START + 3000, abs=300)
    (signal,) = [one for one in found.signals if one.detector == DETECTOR_NAMES[number]]
    assert (signal.partition, signal.late_labels, signal.rows) == (3, 7, 4000)
    assert 0 < signal.delay_labels < 1000
    assert DETECTOR_NAMES[number] in found.summary


def test_a_drift_ends_when_the_mean_loss_is_the_usual_one_again() -> None:
    detection = ConceptDetection(usual_loss=0.12, learning_labels=500)
    rng, terms = np.random.default_rng(6), terms_of(detection)
    stream = watched(terms, [*errors(rng, 0.1, 1000), *errors(rng, 0.4, 1000)])
    assert status(stream, detection) == DRIFT
    watching.fold(stream, terms, stream_of(errors(rng, 0.1, 300), 2000))
    assert status(stream, detection) == DRIFT
    watching.fold(stream, terms, stream_of(errors(rng, 0.1, 1500), 2300))
    assert status(stream, detection) == OK
    assert watch(stream).alarms > 0


def test_too_few_labels_are_not_ok() -> None:
    assert told(ConceptDetection(), {}, {}).status == INSUFFICIENT
    learning = watched(terms_of(ConceptDetection()), [0.0] * 999)
    assert status(learning, ConceptDetection()) == INSUFFICIENT
    given = ConceptDetection(usual_loss=0.1)
    assert status(watched(terms_of(given), [0.0] * 29), given) == INSUFFICIENT
    assert status(watched(terms_of(given), [0.0] * 30), given) == OK


def test_nobody_watches_where_that_was_asked_for() -> None:
    off = ConceptDetection(usual_loss=0.1, disabled=True)
    assert status(watched(terms_of(off), [1.0] * 500), off) == INSUFFICIENT


def test_no_error_at_all_and_nothing_but_errors_are_usual_too() -> None:
    terms = terms_of(ConceptDetection(learning_labels=100))
    for value in (0.0, 1.0):
        stream = watched(terms, [value] * 3000)
        assert 0 < stream.usual < 1
        assert watch(stream).alarms == 0
    for value in (0.0, 1e300):
        assert watch(watched(terms, [value] * 3000, ABSOLUTE)).alarms == 0


def test_one_wild_error_in_ten_thousand_moves_nothing() -> None:
    rng = np.random.default_rng(7)
    terms = terms_of(ConceptDetection())
    values = rng.exponential(2.0, 11_000).tolist()
    calm = watched(terms, values, ABSOLUTE)
    values[6000] = 1e300
    wild = watched(terms, values, ABSOLUTE)
    assert wild.usual == calm.usual
    assert [one.alarms for one in wild.watches] == [one.alarms for one in calm.watches] == [0, 0, 0]


def test_a_rise_of_absolute_errors_is_found() -> None:
    rng = np.random.default_rng(8)
    terms = terms_of(ConceptDetection())
    stream = watched(terms, [*rng.exponential(2.0, 5000), *rng.exponential(4.0, 2000)], ABSOLUTE)
    assert watch(stream).since_id
    assert watch(stream).delay < 500


def test_other_settings_begin_anew_and_another_detector_does_not() -> None:
    rng = np.random.default_rng(9)
    detection = ConceptDetection(usual_loss=0.1)
    stream = watched(terms_of(detection), errors(rng, 0.5, 500))
    detection.detector = concept.CONCEPT_DETECTOR_ADWIN
    before = watch(stream).alarms
    watching.fold(stream, terms_of(detection), stream_of([0.0], 500))
    assert watch(stream).alarms == before > 0
    detection.epoch = 1
    assert status(stream, detection) == INSUFFICIENT
    watching.fold(stream, terms_of(detection), stream_of([0.0], 501))
    assert (stream.rows, watch(stream).alarms) == (1, 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("detector", 9),
        ("usual_loss", 0.0),
        ("usual_loss", float("nan")),
        ("learning_labels", 99),
        ("labels_between_alarms", 1e10),
        ("error_scale", 0.0),
        ("error_scale", float("inf")),
    ],
)
def test_settings_that_cannot_be_are_named(field: str, value: Any) -> None:
    given = ConceptDetection()
    setattr(given, field, value)
    assert [fault.field for fault in faults(given, "config.concept")] == [f"config.concept.{field}"]
    assert not list(faults(ConceptDetection(usual_loss=0.2, learning_labels=100, epoch=3), "x"))
