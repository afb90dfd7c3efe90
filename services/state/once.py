"""Changes that count once however often they are sent: the request id and what it was first used for."""

import hashlib
from typing import NamedTuple

from google.protobuf.message import Message

from services.foundation.errors import InvalidArgument
from services.state import keys
from services.state.connection import Connections
from services.state.errors import RequestIdReused
from services.state.scripts import Script

RESERVE_REQUEST = Script("reserve_request", repeatable=True)

# Also how long answers are kept; the contract promises 24 hours.
LIFETIME_MS = 24 * 3600 * 1000
MAX_LENGTH = 64


class Once(NamedTuple):
    """A change that may be sent again: its id, and a digest of everything else about it."""

    request_id: str
    fingerprint: str


def once(method: str, request: Message, caller: str = "", *, field: str = "request_id") -> Once | None:
    """What identifies this change; None if the request carries no id in `field`.

    Raises InvalidArgument for an id that is too long to keep.
    """
    request_id: str = getattr(request, field, "")
    if not request_id:
        return None
    if len(request_id) > MAX_LENGTH:
        raise InvalidArgument(f"{field} is longer than {MAX_LENGTH} characters", fields=[(field, "a UUID")])
    rest = type(request)()
    rest.CopyFrom(request)
    rest.ClearField(field)  # type: ignore[arg-type,unused-ignore]
    digest = hashlib.blake2b(f"{method}\0{caller}\0".encode(), digest_size=16)
    digest.update(rest.SerializeToString(deterministic=True))
    return Once(request_id, digest.hexdigest())


def reused(request_id: str, field: str = "request_id") -> RequestIdReused:
    """The refusal of an id that was used for something else; `field` carries it."""
    return RequestIdReused(
        f"{field} {request_id} was used for a different request",
        fields=[(field, "a new UUID for each change")],
        request_id=request_id,
    )


class Requests:
    """Which request id was used for what, for 24 hours."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def subject(self, change: Once | None) -> str | None:
        """Uid of the resource that this change was made to before, or None. Raises RequestIdReused."""
        if change is None:
            return None
        key = keys.catalog_request(change.request_id)
        fingerprint, uid = await self._redis.hmget(key, ["fingerprint", "uid"])
        return _same(change, fingerprint, uid) if fingerprint and uid else None

    async def reserve(self, change: Once | None, uid: str) -> str:
        """Bind the change to the resource `uid`, unless it is bound already. Returns the uid it is bound to.

        Raises RequestIdReused.
        """
        if change is None:
            return uid
        key = keys.catalog_request(change.request_id)
        kept = await RESERVE_REQUEST(self._redis, [key], [change.fingerprint, uid, LIFETIME_MS])
        return _same(change, *kept)


def _same(change: Once, fingerprint: bytes, uid: bytes) -> str:
    if fingerprint.decode() != change.fingerprint:
        raise reused(change.request_id)
    return uid.decode()
