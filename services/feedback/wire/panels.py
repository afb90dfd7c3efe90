"""Full panels out of logged predictions, with their truth."""

import math
from collections.abc import Iterator, Mapping, Sequence

from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent, TruthEntry
from turnout.inference.v1.output_pb2 import Output

from services.feedback.stackers.panels import Labelled, Row, Said
from services.feedback.wire.records import label_of


def rows_of(
    event: PredictionEvent, members: Sequence[str], truths: Mapping[tuple[str, int], TruthEntry]
) -> Iterator[Row]:
    """The rows of a panel that have a truth and an answer of each member; none of a panel that may not be
    learnt from, or in which a member sat twice."""
    if not event.manifest.aggregation.representative:
        return
    outputs = _outputs(event)
    if any(len(outputs.get(member, ())) != 1 for member in members):
        return
    name = event.manifest.prediction_id
    unit = event.entity_id or name
    for row in range(max(1, event.rows)):
        entry = truths.get((name, row))
        truth = _truth(entry) if entry is not None and not entry.metric else None
        said = [_said(outputs[member][0], row) for member in members]
        known = [one for one in said if one is not None]
        kinds = {isinstance(one, Labelled) for one in known}
        if truth is not None and len(known) == len(members) and kinds == {isinstance(truth, str)}:
            yield Row(known, truth, unit)


def _outputs(event: PredictionEvent) -> dict[str, list[Output]]:
    found: dict[str, list[Output]] = {}
    for given in event.outputs:
        if 0 <= given.participant < len(event.manifest.participants):
            who = event.manifest.participants[given.participant]
            if who.role == manifest.PARTICIPANT_ROLE_JUROR and who.variant:
                found.setdefault(who.variant, []).append(given.output)
    return found


def _truth(entry: TruthEntry) -> str | float | None:
    if entry.truth.WhichOneof("value") == "number":
        return entry.truth.number
    return label_of(entry.truth)


def _said(output: Output, row: int) -> Said | None:
    if output.WhichOneof("kind") == "regression":
        values = output.regression.values
        return values[row] if row < len(values) and math.isfinite(values[row]) else None
    classes = output.classification
    labels = [one.label for one in classes.rows] or [classes.label]
    if row >= len(labels) or not labels[row]:
        return None
    first = [one.probability for one in classes.probabilities]
    shares = list(classes.rows[row].probabilities) if classes.rows else first
    names = [one.label for one in classes.probabilities]
    if len(shares) != len(names) or not all(share >= 0 for share in shares):
        return None
    return Labelled(labels[row], dict(zip(names, shares, strict=True)))
