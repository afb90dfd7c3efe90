"""What the end of a stream says of its call: a status of gRPC, whatever it ended by.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from services.foundation.codes import NAMES
from services.models.http2.frames import CANCEL, ENHANCE_YOUR_CALM

_HTTP = {
    "400": "INTERNAL",
    "401": "UNAUTHENTICATED",
    "403": "PERMISSION_DENIED",
    "404": "UNIMPLEMENTED",
    "429": "UNAVAILABLE",
    "502": "UNAVAILABLE",
    "503": "UNAVAILABLE",
    "504": "UNAVAILABLE",
}
_RESETS = {CANCEL: "CANCELLED", ENHANCE_YOUR_CALM: "RESOURCE_EXHAUSTED"}


class Status(NamedTuple):
    """A canonical name, the server's words, and whether it forbids to ask again."""

    code: str
    message: str
    final: bool = False


class Ended(Exception):
    """The call ended without a reply."""

    def __init__(self, status: Status) -> None:
        super().__init__(f"{status.code}: {status.message}")
        self.status = status


class Unprocessed(Exception):
    """The server says that it did not begin with the call; somebody else may carry it."""


def status_of(headers: Mapping[str, str]) -> Status:
    """The status of a stream's last headers."""
    told = headers.get("grpc-status")
    if told is None:
        http = headers.get(":status", "")
        return Status(
            _HTTP.get(http, "UNKNOWN"), f"no gRPC status in a reply of HTTP status {http or 'unknown'}"
        )
    code = NAMES[int(told)] if told.isdecimal() and int(told) < len(NAMES) else "UNKNOWN"
    # A negative pushback is a server's way to say: not again.
    final = headers.get("grpc-retry-pushback-ms", "").startswith("-")
    return Status(code, unquote(headers.get("grpc-message", "")), final)


def reset(error: int) -> Status:
    """The status of a stream that the server reset."""
    return Status(_RESETS.get(error, "INTERNAL"), f"it broke the call off (HTTP/2 error {error})")
