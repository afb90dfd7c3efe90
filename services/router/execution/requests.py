"""What a prediction's request may look like, before anything is decided."""

from turnout.router.v1.inference_service_pb2 import ManifestView, PredictRequest

from services.foundation.errors import InvalidArgument
from services.state.moments import moment

LONGEST_KEY = 256
MOST_ATTRIBUTES = 64
VIEWS = frozenset(ManifestView.values())


class InvalidPrediction(InvalidArgument):
    """A field of the request is missing or too long."""


def check_entity(entity_id: str) -> None:
    """Raise InvalidPrediction for an entity id that is too long."""
    if len(entity_id) > LONGEST_KEY:
        raise _wrong("entity_id", f"at most {LONGEST_KEY} characters, got {len(entity_id)}")


def check(request: PredictRequest) -> None:
    """Raise InvalidPrediction, naming the field, unless the request can be decided on."""
    # Of an input that is not there it is None as well.
    if request.input.WhichOneof("kind") is None:
        raise _wrong("input", "is required: give one of row, tabular, tensors, text, image, chat")
    if request.entity_id:
        check_entity(request.entity_id)
    if len(request.external_id) > LONGEST_KEY:
        raise _wrong("external_id", f"at most {LONGEST_KEY} characters, got {len(request.external_id)}")
    if len(request.request_id) > LONGEST_KEY:
        raise _wrong("request_id", f"at most {LONGEST_KEY} characters, got {len(request.request_id)}")
    if request.attributes:
        _attributes(request)
    if request.HasField("event_time"):
        moment(request.event_time, "event_time")
    if request.manifest_view not in VIEWS:
        raise _wrong("manifest_view", f"one of FULL, IDS and NONE, got {request.manifest_view}")


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
