"""What a logged prediction shows of the drawn variant's answer to one row, for metrics that are derived."""

from google.protobuf.json_format import MessageToDict
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth
from turnout.inference.v1.manifest_pb2 import PARTICIPANT_ROLE_CANARY, PARTICIPANT_ROLE_PRIMARY, Participant
from turnout.inference.v1.output_pb2 import Classification, Output

from services.feedback.deriving.seen import Seen, Value

# Roles of who was chosen to answer.
CHOSEN = frozenset({PARTICIPANT_ROLE_PRIMARY, PARTICIPANT_ROLE_CANARY})


def seen_of(event: PredictionEvent, row: int) -> Seen:
    """Of a row that the prediction has."""
    told, index = _participant(event)
    output = next((given.output for given in event.outputs if given.participant == index), Output())
    return Seen(
        row=row,
        answer=_answer(output, row, max(event.rows, 1)),
        probabilities=_probabilities(output.classification, row),
        latency_ms=told.latency.ToNanoseconds() / 1e6 if told.HasField("latency") else None,
        cost=told.cost.amount if told.HasField("cost") else None,
        features={**event.features.numeric_features, **event.features.categorical_features},
        attributes=dict(event.attributes),
    )


def seen_in(output: Output, row: int, rows: int) -> Seen:
    """The same of any output of a prediction that has so many rows: its answer alone."""
    return Seen(
        row=row, answer=_answer(output, row, rows), probabilities=_probabilities(output.classification, row)
    )


def value_of_truth(truth: Truth) -> Value:
    """What a truth states."""
    kind = truth.WhichOneof("value")
    if kind is None:
        return None
    found: Value = MessageToDict(truth.json) if kind == "json" else getattr(truth, kind)
    return found


def _participant(event: PredictionEvent) -> tuple[Participant, int]:
    """The last attempt on the chosen variant, and its place."""
    variant = event.manifest.decision.variant
    found = (Participant(), -1)
    for index, one in enumerate(event.manifest.participants):
        if variant and one.variant == variant and one.role in CHOSEN:
            found = one, index
    return found


def _answer(output: Output, row: int, rows: int) -> Value:
    match output.WhichOneof("kind"):
        case "classification":
            labels = [one.label for one in output.classification.rows] or [output.classification.label]
            return labels[row] if row < len(labels) else None
        case "regression":
            # As many numbers as rows, or a vector for each: then none of them is the answer.
            values = output.regression.values
            return values[row] if len(values) == rows else None
        case "text":
            return output.text.content if row == 0 else None
        case "json":
            said: Value = MessageToDict(output.json)
            return said if row == 0 else None
        case _:
            return None


def _probabilities(classes: Classification, row: int) -> dict[str, float]:
    order = [one.label for one in classes.probabilities]
    if row == 0:
        return {one.label: one.probability for one in classes.probabilities}
    if row < len(classes.rows):
        given = classes.rows[row].probabilities
        return dict(zip(order, given, strict=True)) if len(given) == len(order) else {}
    return {}
