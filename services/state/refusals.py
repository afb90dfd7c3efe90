"""Why a change of a resource is refused, in the words that people read."""

from datetime import UTC, datetime

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.state.errors import DeletedHasName, NameTaken, StaleEtag
from services.state.shelf import PURGE_MS


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


def taken(name: str, deleted_at: float = 0.0) -> NameTaken:
    """The error for a name that somebody has; `deleted_at`, in seconds since 1970, where that was deleted:
    it can be undeleted until it is purged."""
    fields = [("name", "a name that nothing else has")]
    if not deleted_at:
        return NameTaken(f"the name {name} is taken", fields=fields, name=name)
    purged = datetime.fromtimestamp(deleted_at + PURGE_MS / 1000, UTC)
    said = f"the name {name} stays with what was deleted until {purged:%Y-%m-%d %H:%M} UTC"
    return DeletedHasName(
        f"{said}: undelete that, or take another name",
        fields=fields,
        name=name,
        purge_time=f"{purged:%Y-%m-%dT%H:%M:%SZ}",
    )
