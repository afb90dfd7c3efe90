"""Why a change of a resource is refused, in the words that people read."""

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.state.errors import NameTaken, StaleEtag


def check_etag(seen: Router | Model, etag: str) -> None:
    """Raise StaleEtag unless `etag` is empty or the resource's own."""
    if etag and etag != seen.etag:
        raise StaleEtag(
            f"{seen.name} has changed since etag {etag} was read",
            fields=[("etag", f"the current one, {seen.etag}, after reading what changed")],
            name=seen.name,
            etag=etag,
            current=seen.etag,
        )


def taken(name: str) -> NameTaken:
    """The error for a name that somebody has."""
    return NameTaken(
        f"the name {name} is taken", fields=[("name", "a name that nothing else has")], name=name
    )
