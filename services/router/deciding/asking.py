"""A question of the past, as far as its event has it."""

from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import Input


def asked_then(event: PredictionEvent) -> Input | None:
    """The input of a prediction; None where it was not logged. A row is read as the columns that it had."""
    if event.HasField("features"):
        return Input(tabular=event.features)
    return Input(tensors=event.tensors) if event.HasField("tensors") else None
