"""Ensembles to be checked: three chats, three doctors, and everybody who may help them."""

from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from turnout.router.v1 import model_pb2
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.router.config.defaults import with_defaults
from services.router.config.problems import InvalidConfiguration
from services.router.config.validate import validate

CHAT, EMBEDDINGS, OIP = (
    model_pb2.PROTOCOL_OPENAI_CHAT,
    model_pb2.PROTOCOL_OPENAI_EMBEDDINGS,
    model_pb2.PROTOCOL_OIP_GRPC,
)
NUMBERS = {"outputs": {"value": "y"}}
CLASSES = {"outputs": {"label": "l", "probabilities": "p", "class_order": ["no", "yes"]}}
COLUMNS = [{"name": "x", "kind": model_pb2.FEATURE_KIND_NUMERIC}, {"name": "y"}]
DECLARED = {
    model.name: model
    for model in (
        *(Model(name=f"models/chat-{one}", protocol=CHAT) for one in "abc"),
        *(Model(name=f"models/doctor-{one}", protocol=OIP, signature=CLASSES) for one in "abc"),
        *(Model(name=f"models/gauge-{one}", protocol=OIP, signature=NUMBERS) for one in "abc"),
        Model(name="models/referee", protocol=CHAT),
        Model(name="models/embedder", protocol=EMBEDDINGS),
        Model(name="models/raw", protocol=OIP),
        Model(name="models/table", protocol=OIP, signature=CLASSES | {"features": COLUMNS}),
        Model(name="models/filter", protocol=OIP, signature=CLASSES),
        Model(name="models/meta", protocol=OIP, signature=CLASSES),
    )
}
CHATS, DOCTORS, GAUGES = ([f"{kind}-{one}" for one in "abc"] for kind in ("chat", "doctor", "gauge"))
REFEREE = {"model": "referee"}


def ensemble(given: Mapping[str, Any], members: list[str] = CHATS) -> Router:
    """A router that asks these members so; `given` as people write JSON."""
    router = Router(name="routers/panel", variants=[{"model": one} for one in members])
    ParseDict(dict(given), router.ensemble)
    router.ensemble.SetInParent()
    return router


def accepted(given: Mapping[str, Any], members: list[str] = CHATS) -> Router:
    """What is stored of it."""
    stored = with_defaults(ensemble(given, members))
    validate(stored, DECLARED, DECLARED)
    # Written back as it was read it is the same.
    assert with_defaults(stored) == stored
    return stored


def refused(given: Mapping[str, Any], members: list[str] = CHATS) -> dict[str, str]:
    """What is said of each field that is wrong."""
    with pytest.raises(InvalidConfiguration) as caught:
        validate(with_defaults(ensemble(given, members)), DECLARED, DECLARED)
    return {one.field.removeprefix("router.ensemble."): one.description for one in caught.value.fields}
