"""What a caller may not set, and which id a new resource gets."""

from typing import TypeVar

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.state.names import resource_name

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
)


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
    return made
