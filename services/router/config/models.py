"""What is ours to say of a model's registration, before its protocol has its say."""

import re

from turnout.router.v1.model_pb2 import CONFIDENCE_SOURCE_MAX_PROBABILITY, PROTOCOL_OIP_GRPC, Model

from services.router.config.health import check_detection, detection_with_defaults
from services.router.config.problems import Problems
from services.router.config.sharing import check_permissions
from services.router.managing.aliases import MOST_ALIASES, alias_name
from services.state.names import BadName, id_of

LONGEST_NAME = 256
MOST_ENDPOINTS = 64
CURRENCY = "USD"
ISO_4217 = re.compile("[A-Z]{3}")


def model_with_defaults(model: Model) -> None:
    """Write out the defaults that apply."""
    detection_with_defaults(model)
    if model.HasField("cost"):
        model.cost.currency = model.cost.currency or CURRENCY


def check_model(model: Model) -> None:
    """Raise InvalidConfiguration or UnavailableFeature, naming every field that is wrong."""
    problems = Problems()
    for field in ("display_name", "version", "family", "provider", "served_name"):
        if len(text := str(getattr(model, field))) > LONGEST_NAME:
            problems.add(f"model.{field}", f"at most {LONGEST_NAME} characters, got {len(text)}")
    _endpoints(model, problems)
    _aliases(model, problems)
    probable = model.confidence_from == CONFIDENCE_SOURCE_MAX_PROBABILITY
    if probable and model.protocol == PROTOCOL_OIP_GRPC and not model.signature.outputs.probabilities:
        said = "needs model.signature.outputs.probabilities, the tensor that has them; or leave it out"
        problems.add("model.confidence_from", said)
    if model.HasField("cost") and not ISO_4217.fullmatch(model.cost.currency):
        said = f"three capital letters of ISO 4217, such as USD; got {model.cost.currency[:40]!r}"
        problems.add("model.cost.currency", said)
    check_detection(model, problems)
    check_permissions(model.permissions, "model.permissions", problems)
    problems.settle()


def aliases_of(model: Model) -> list[str]:
    """The aliases that a sound registration asks for, in full, each once."""
    own = id_of(model.name)
    return list(dict.fromkeys(alias_name(given, own, "model.aliases") for given in model.aliases))


def _endpoints(model: Model, problems: Problems) -> None:
    if len(model.endpoints) > MOST_ENDPOINTS:
        problems.add("model.endpoints", f"at most {MOST_ENDPOINTS}, got {len(model.endpoints)}")
    seen: set[str] = set()
    for place, endpoint in enumerate(model.endpoints):
        if endpoint.address in seen:
            problems.add(f"model.endpoints[{place}].address", f"{endpoint.address[:100]} is named twice")
        seen.add(endpoint.address)
        port = endpoint.address.rstrip("/").rpartition(":")[2]
        if port.isdigit() and not 1 <= int(port) <= 65535:
            problems.add(f"model.endpoints[{place}].address", f"a port is 1 to 65535, got {port[:20]}")


def _aliases(model: Model, problems: Problems) -> None:
    if len(model.aliases) > MOST_ALIASES:
        problems.add("model.aliases", f"at most {MOST_ALIASES}, got {len(model.aliases)}")
    for place, given in enumerate(model.aliases):
        try:
            alias_name(given, id_of(model.name), f"model.aliases[{place}]")
        except BadName as wrong:
            problems.wrong += wrong.fields
