"""What detectors say of a model, in numbers and in a sentence."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import concept_pb2 as concept
from turnout.drift.v1.concept_pb2 import (
    ConceptDetection,
    ConceptDrift,
    ConceptSignal,
    ConceptState,
    ConceptStream,
    ConceptWatch,
)

from services.drift.concept.terms import LEAST_LABELS, Terms, terms_of
from services.drift.detectors import DETECTORS
from services.state import ids

OK, DRIFT = concept.CONCEPT_STATUS_OK, concept.CONCEPT_STATUS_DRIFT
INSUFFICIENT = concept.CONCEPT_STATUS_INSUFFICIENT_DATA


def told(
    detection: ConceptDetection, states: Mapping[int, ConceptState], late: Mapping[int, int]
) -> ConceptDrift:
    """The whole, from the states and late labels of the partitions that have any."""
    terms = terms_of(detection)
    found = ConceptDrift(detection=detection)
    # What was folded under former settings says nothing of these.
    streams = [
        (place, stream)
        for place, state in sorted(states.items())
        for stream in state.streams
        if stream.settings == terms.digest
    ]
    for place, stream in streams:
        for signal in _signals(stream):
            signal.partition, signal.late_labels = place, late.get(place, 0)
            found.signals.append(signal)
    watched = [one for one in found.signals if one.detector == terms.detector]
    drifted = [one for one in watched if one.status == DRIFT]
    if detection.disabled or not watched:
        found.status = INSUFFICIENT
    elif drifted:
        found.status = DRIFT
        found.since.CopyFrom(min((one.since for one in drifted), key=Timestamp.ToNanoseconds))
    else:
        found.status = OK if any(one.status == OK for one in watched) else INSUFFICIENT
    found.summary = _sentence(found, watched, terms)
    return found


def _signals(stream: ConceptStream) -> Iterator[ConceptSignal]:
    """One for each detector, also before there is anything to detect from."""
    watches = list(stream.watches) or [ConceptWatch(detector=name) for name in DETECTORS]
    for watch in watches:
        signal = ConceptSignal(
            detector=watch.detector,
            metric=stream.metric,
            rows=stream.rows,
            alarms=watch.alarms,
            status=_status(stream, watch),
            delay_labels=watch.delay,
            recent_labels=watch.recent_rows,
            folded_until=_time(stream.folded_id),
        )
        if stream.watches:
            detector = DETECTORS[watch.detector]
            level = detector.level(detector.unpack(watch.state))
            signal.statistic, signal.usual_loss = level.statistic, stream.usual
            if level.threshold is not None:
                signal.threshold = level.threshold
        if watch.recent_rows:
            signal.recent_loss = watch.recent_total / watch.recent_rows
        if stream.metric != "error" and stream.scale:
            signal.error_scale = stream.scale
        if watch.alarm_id:
            signal.alarm_time.CopyFrom(_time(watch.alarm_id))
        if watch.since_id:
            signal.since.CopyFrom(_time(watch.since_id))
        yield signal


def _status(stream: ConceptStream, watch: ConceptWatch) -> concept.ConceptStatus:
    if watch.since_id:
        return DRIFT
    return OK if stream.watches and stream.rows >= LEAST_LABELS else INSUFFICIENT


def _time(prediction_id: str) -> Timestamp:
    stamp = Timestamp()
    stamp.FromMicroseconds(int(ids.time_of(prediction_id) * 1e6))
    return stamp


def _sentence(found: ConceptDrift, watched: list[ConceptSignal], terms: Terms) -> str:
    if found.detection.disabled:
        return "Nobody watches the errors of this model."
    if not watched:
        return "No labels have been folded yet."
    if found.status == DRIFT:
        worst = min((one for one in watched if one.status == DRIFT), key=lambda one: one.since.seconds)
        since = datetime.fromtimestamp(worst.since.seconds, UTC).isoformat(timespec="minutes")
        return (
            f"The model errs more than usual since {since}: {worst.detector} raised its alarm on "
            f"{worst.metric} after {worst.delay_labels:,} labels; the usual loss is {worst.usual_loss:.3g}."
        )
    rows = max(one.rows for one in watched)
    if found.status == INSUFFICIENT:
        return f"What is usual is learnt from {terms.learning:,} labels, and {rows:,} have been folded."
    return f"The model does not err more than usual, on {rows:,} labels."
