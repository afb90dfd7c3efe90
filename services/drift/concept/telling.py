"""What detectors say of a model, in numbers and in a sentence."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import concept_pb2 as concept
from turnout.drift.v1.concept_pb2 import (
    ConceptDetection,
    ConceptDrift,
    ConceptProgress,
    ConceptSignal,
    ConceptState,
    ConceptStream,
    ConceptWatch,
)

from services.drift.concept.terms import LEAST_LABELS, Terms, split, terms_of
from services.drift.concept.watching import ABSOLUTE
from services.drift.detectors import DETECTORS
from services.state import ids

OK, DRIFT = concept.CONCEPT_STATUS_OK, concept.CONCEPT_STATUS_DRIFT
INSUFFICIENT = concept.CONCEPT_STATUS_INSUFFICIENT_DATA


def told(
    detection: ConceptDetection, states: Mapping[int, ConceptState], progress: Mapping[int, ConceptProgress]
) -> ConceptDrift:
    """The whole, from the states and progress of the partitions that have any."""
    terms = terms_of(detection)
    found = ConceptDrift(detection=detection)
    # What was folded under former settings says nothing of these.
    streams = [
        (place, stream)
        for place, state in sorted(states.items())
        for stream in state.streams
        if split(stream.settings)[0] == terms.digest and not (stream.router and detection.without_rewards)
    ]
    for place, stream in streams:
        for signal in _signals(stream):
            signal.partition, signal.late_labels = (
                place,
                _late(stream, progress.get(place, ConceptProgress())),
            )
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
            router=stream.router,
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
        if stream.metric == ABSOLUTE and stream.scale:
            signal.error_scale = stream.scale
        if watch.alarm_id:
            signal.alarm_time.CopyFrom(_time(watch.alarm_id))
        if watch.since_id:
            signal.since.CopyFrom(_time(watch.since_id))
        yield signal


def _late(stream: ConceptStream, progress: ConceptProgress) -> int:
    if not stream.router:
        return sum(one.late for one in progress.labels.values())
    measure = split(stream.settings)[1]
    return progress.rewards[measure].late if measure in progress.rewards else 0


def _status(stream: ConceptStream, watch: ConceptWatch) -> concept.ConceptStatus:
    if watch.since_id:
        return DRIFT
    return OK if stream.watches and stream.rows >= LEAST_LABELS else INSUFFICIENT


def _time(prediction_id: str) -> Timestamp:
    stamp = Timestamp()
    stamp.FromMicroseconds(int(ids.time_of(prediction_id) * 1e6))
    return stamp


def worse(signal: ConceptSignal) -> str:
    """What a drift on a signal's stream is, in words."""
    return f"earns less in {signal.router}" if signal.router else "errs more"


def _sentence(found: ConceptDrift, watched: Sequence[ConceptSignal], terms: Terms) -> str:
    if found.detection.disabled:
        return "Nobody watches the errors and rewards of this model."
    if not watched:
        return "No labels or rewards have been folded yet."
    if found.status == DRIFT:
        worst = min((one for one in watched if one.status == DRIFT), key=lambda one: one.since.seconds)
        since = datetime.fromtimestamp(worst.since.seconds, UTC).isoformat(timespec="minutes")
        return (
            f"The model {worse(worst)} than usual since {since}: {worst.detector} raised its alarm on "
            f"{worst.metric} after {worst.delay_labels:,} {_noun(worst)}; "
            f"the usual loss is {worst.usual_loss:.3g}."
        )
    # Of those that say what the whole comes to.
    most = max((one for one in watched if one.status == found.status), key=lambda one: one.rows)
    if found.status == INSUFFICIENT:
        noun = _noun(most)
        return f"What is usual is learnt from {terms.learning:,} {noun}, and {most.rows:,} have been folded."
    return f"The model {', and '.join(_calm(watched))}."


def _noun(signal: ConceptSignal) -> str:
    return "rewards" if signal.router else "labels"


def _calm(watched: Sequence[ConceptSignal]) -> Iterator[str]:
    for noun, said in (("labels", "err more"), ("rewards", "earn less")):
        rows = [one.rows for one in watched if one.status == OK and _noun(one) == noun]
        if rows:
            yield f"does not {said} than usual, on {max(rows):,} {noun}"
