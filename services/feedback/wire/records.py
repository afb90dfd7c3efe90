"""What a logged prediction says of who was drawn, who answered, and what."""

from collections.abc import Sequence
from dataclasses import fields
from functools import partial

from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth
from turnout.inference.v1.output_pb2 import Output

from services.feedback.deriving.seen import Seen
from services.feedback.prediction import Answer, Drawn, Heard, Prediction, Seat
from services.feedback.wire.seen import CHOSEN, seen_in, seen_of
from services.state.answering import ANSWERING
from services.state.asked import history_time
from services.state.parts import part_key

FAILURES = frozenset({manifest.OUTCOME_FAILED, manifest.OUTCOME_TIMED_OUT})
MODES = {
    one.number: one.name.removeprefix("DECISION_MODE_") for one in manifest.DecisionMode.DESCRIPTOR.values
}


def drawn_of(event: PredictionEvent) -> Drawn:
    """Of a logged prediction what a reward needs."""
    told, segments = event.manifest, event.segments
    decision, drawn = told.decision, drawn_variant(event)
    return Drawn(
        id=told.prediction_id,
        router_uid=event.router_uid,
        variant=drawn,
        mode=MODES.get(decision.mode, ""),
        failed=bool(drawn) and _failed(told.participants, drawn),
        answered=bool(drawn) and _answered(event, drawn),
        rows=max(event.rows, 1),
        policy=decision.policy,
        segments=tuple(part_key(name, segments[name]) for name in sorted(segments)) if segments else (),
        outside=from_outside(event),
    )


def prediction_of(event: PredictionEvent) -> Prediction:
    """A logged prediction, read for feedback."""
    told, drawn = event.manifest, drawn_of(event)
    return Prediction(
        **{one.name: getattr(drawn, one.name) for one in fields(drawn)},
        # Of an answer that was too large for the log, nobody knows.
        classified=event.output.WhichOneof("kind") in (None, "classification")
        and not event.HasField("large_output"),
        time=event.time.ToNanoseconds() / 1e9,
        answers=_answers(event),
        chosen=told.decision.variant,
        served=_labels(event.output),
        panel=_panel(event) if told.aggregation.representative else (),
        event_time=history_time(event),
        seen=partial(seen_of, event),
        heard=partial(_heard, event),
    )


def from_outside(event: PredictionEvent) -> bool:
    """Whether it was logged by whoever made it: no router decided anything, and router_uid is its model's."""
    return not (event.manifest.router or event.manifest.decision.mode)


def drawn_variant(event: PredictionEvent) -> str:
    """The variant that chance chose; empty where nothing was drawn.

    A variant that the caller pinned, that a policy names, that an entity holds or that is the default was not
    drawn, nor was a jury: what they earn says nothing of a learner's choice.
    """
    decision = event.manifest.decision
    if decision.mode == manifest.DECISION_MODE_POLICY:
        drawn = decision.propensity < 1
    else:
        drawn = decision.mode == manifest.DECISION_MODE_STRATEGY
    return decision.variant if drawn and not (decision.held or decision.displaced) else ""


def at_fault(one: manifest.Participant) -> bool:
    """Whether it failed, by the rule that health goes by, which the router applied: a caller's mistake says
    nothing of a model, nor does a deadline that passed before the model had its time."""
    return one.outcome in FAILURES and not one.excused


def drawn_failed(event: PredictionEvent) -> bool:
    """Whether the drawn variant's last attempt failed. One that was cancelled or skipped did not."""
    variant = drawn_variant(event)
    return bool(variant) and _failed(event.manifest.participants, variant)


def _failed(participants: Sequence[manifest.Participant], variant: str) -> bool:
    for one in reversed(participants):
        if one.variant == variant and one.role in CHOSEN:
            return at_fault(one)
    return False


def label_of(truth: Truth) -> str | None:
    """The label that a truth states; None for a truth of another kind."""
    kind = truth.WhichOneof("value")
    return getattr(truth, kind) if kind in ("label", "text") else None


def _answered(event: PredictionEvent, variant: str) -> bool:
    participants = event.manifest.participants
    for given in event.outputs:
        if 0 <= given.participant < len(participants):
            who = participants[given.participant]
            if who.variant == variant and who.role in CHOSEN:
                return True
    return False


def _answers(event: PredictionEvent) -> Sequence[Answer]:
    drawn, variant = drawn_variant(event), event.manifest.decision.variant
    found = []
    for given in event.outputs:
        if not 0 <= given.participant < len(event.manifest.participants):
            continue
        who = event.manifest.participants[given.participant]
        if who.role in ANSWERING:
            chosen = bool(who.variant) and who.variant == variant and who.role in CHOSEN
            found.append(Answer(who.model, _labels(given.output), chosen and bool(drawn), chosen))
    return tuple(found)


def _heard(event: PredictionEvent, row: int) -> Heard:
    rows, variant = max(event.rows, 1), event.manifest.decision.variant
    models: dict[str, Seen] = {}
    variants: dict[str, str] = {}
    for given in event.outputs:
        if 0 <= given.participant < len(event.manifest.participants):
            who = event.manifest.participants[given.participant]
            if who.role in ANSWERING and who.model not in models:
                models[who.model] = seen_in(given.output, row, rows)
                variants[who.model] = who.variant
    return Heard(models, seen_of(event, row) if variant else seen_in(event.output, row, rows), variants)


def _panel(event: PredictionEvent) -> Sequence[Seat]:
    """Members that answered once with labels. One that was asked for several answers has voted on them, and
    the log has no record of that."""
    seats: dict[str, list[Seat]] = {}
    for given in event.outputs:
        if not 0 <= given.participant < len(event.manifest.participants):
            continue
        who = event.manifest.participants[given.participant]
        if who.role == manifest.PARTICIPANT_ROLE_JUROR and who.variant:
            cost = who.cost.amount if who.HasField("cost") else None
            seats.setdefault(who.variant, []).append(Seat(who.variant, _labels(given.output), cost))
    return [some[0] for some in seats.values() if len(some) == 1 and some[0].labels]


def _labels(output: Output) -> Sequence[str]:
    classes = output.classification
    return tuple(row.label for row in classes.rows) or ((classes.label,) if classes.label else ())
