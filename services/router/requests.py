"""What a prediction's request may look like, before anything is decided."""

from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.errors import InvalidArgument

LONGEST_KEY = 256
MOST_ATTRIBUTES = 64


class InvalidPrediction(InvalidArgument):
    """A field of the request is missing or too long."""


def check(request: PredictRequest) -> None:
    """Raise InvalidPrediction, naming the field, unless the request can be decided on."""
    if not request.HasField("input") or request.input.WhichOneof("kind") is None:
        raise _wrong("input", "is required: give one of row, tabular, tensors, text, image, chat")
    if len(request.entity_id) > LONGEST_KEY:
        raise _wrong("entity_id", f"at most {LONGEST_KEY} characters, got {len(request.entity_id)}")
    if len(request.external_id) > LONGEST_KEY:
        raise _wrong("external_id", f"at most {LONGEST_KEY} characters, got {len(request.external_id)}")
    if len(request.request_id) > LONGEST_KEY:
        raise _wrong("request_id", f"at most {LONGEST_KEY} characters, got {len(request.request_id)}")
    if request.attributes:
        _attributes(request)


def _attributes(request: PredictRequest) -> None:
    if len(request.attributes) > MOST_ATTRIBUTES:
        raise _wrong("attributes", f"at most {MOST_ATTRIBUTES}, got {len(request.attributes)}")
    for name, value in request.attributes.items():
        if len(name) > LONGEST_KEY or len(value) > LONGEST_KEY:
            raise _wrong(
                f"attributes[{name[:40]!r}]", f"names and values have at most {LONGEST_KEY} characters"
            )


def _wrong(field: str, description: str) -> InvalidPrediction:
    return InvalidPrediction(f"{field}: {description}", fields=[(field, description)])
