"""What a caller may not set, and which id a new resource gets."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import FieldViolation
from services.state.errors import NameTaken
from services.state.names import BadName, resource_name

R = TypeVar("R", Router, Model)

OUTPUT_ONLY = (
    "uid",
    "owner",
    "state",
    "state_message",
    "endpoint",
    "generation",
    "etag",
    "create_time",
    "update_time",
    "delete_time",
    "resolved_aliases",
)

# What updates leave as it is, and why naming it is refused.
_BY_SERVER = dict.fromkeys((name for name in OUTPUT_ONLY if name != "etag"), "is set by the server")
ROUTER_KEPT = {**_BY_SERVER, "permissions": "is changed by UpdatePermissions"}
MODEL_KEPT = _BY_SERVER


def fresh(given: R, collection: str, given_id: str, id_field: str) -> R:
    """A copy to be created: named by its own name or by `given_id`, without what only the server sets.

    Raises BadName if neither names it well.
    """
    made = type(given)()
    made.CopyFrom(given)
    known = made.DESCRIPTOR.fields_by_name
    for field in OUTPUT_ONLY:
        if field in known:
            made.ClearField(field)  # type: ignore[arg-type,unused-ignore]
    singular = collection.removesuffix("s")
    named, field = (made.name, f"{singular}.name") if made.name else (given_id, id_field)
    made.name = resource_name(collection, named, field)
    if given_id and resource_name(collection, given_id, id_field) != made.name:
        said = f"says {given_id[:100]}, and {singular}.name says {given.name[:100]}; give one, or both alike"
        raise BadName(f"{id_field} {said}", fields=[(id_field, said)])
    return made


@contextmanager
def naming(given: Router | Model, collection: str, id_field: str) -> Iterator[None]:
    """Let a NameTaken blame the field that the request names its resource by."""
    try:
        yield
    except NameTaken as taken:
        field = f"{collection.removesuffix('s')}.name" if given.name else id_field
        taken.fields = tuple(FieldViolation(field, one.description) for one in taken.fields)
        raise
