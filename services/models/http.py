"""Calls over HTTP: a body for a body within a time, and what refusals mean."""

import asyncio
import json
import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from errno import ECONNREFUSED

import aiohttp

from services.models.answer import CallFailed, FailureKind, malformed
from services.models.connections import MESSAGE_BYTES, Connections
from services.models.reach import ForbiddenAddressError

CODES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED", 409: "ABORTED", 413: "INVALID_ARGUMENT", 422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 501: "UNIMPLEMENTED", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip

# What is not said to be wrong with the input is nothing that its sender could mend: a bill that is not paid
# (402), a method that the server has not (405), a model that it has no longer (410).
CLASSES = {4: "FAILED_PRECONDITION", 5: "UNAVAILABLE"}

# A quota that comes back tomorrow is told as an hour: who waits longer asks again.
LONGEST_WAIT_SECONDS = 3600.0


async def exchange(
    connections: Connections,
    method: str,
    url: str,
    body: bytes | None,
    headers: dict[str, str],
    seconds: float,
) -> bytes:
    """The body of a 200; anything else raises CallFailed."""
    try:
        # Not aiohttp's own timeout: it rounds everything above five seconds up to whole ones.
        async with (
            asyncio.timeout(seconds),
            connections.session().request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response,
        ):
            raw = await read_whole(response)
            status, told = response.status, response.headers
    except TimeoutError:
        raise late(seconds) from None
    except aiohttp.ClientError as wrong:
        raise broken(wrong) from None
    if status != 200:
        raise refused(status, raw, headers.get("Authorization", ""), told)
    return raw


async def read_whole(response: aiohttp.ClientResponse) -> bytes:
    """The body, whatever the status. Raises CallFailed for one that is too large."""
    whole = bytearray()
    async for chunk in response.content.iter_any():
        whole += chunk
        if len(whole) > MESSAGE_BYTES:
            raise malformed(f"larger than {MESSAGE_BYTES} bytes")
    return bytes(whole)


def refused(status: int, raw: bytes, authorization: str, headers: Mapping[str, str]) -> CallFailed:
    """What a status other than 200 says, in the server's own words where it has any. `headers` are those of
    the response."""
    code = CODES.get(status) or CLASSES.get(status // 100, "FAILED_PRECONDITION")
    try:
        message = str(json.loads(raw)["error"]["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        message = ""
    if authorization:
        # Some servers repeat the key that they refuse.
        message = message.replace(authorization.removeprefix("Bearer "), "***")
    kinds: dict[str, FailureKind] = {"DEADLINE_EXCEEDED": "TIMED_OUT", "CANCELLED": "CANCELLED"}
    said = f"HTTP {status}: {message}" if message else f"HTTP {status}"
    wait = wanted_wait(headers) if status in (429, 503) else None
    # Who wants to be left alone for a while is not asked again at once.
    retryable = status in (502, 503) and not wait
    return CallFailed(kinds.get(code, "FAILED"), code, said, retryable=retryable, retry_after=wait)


def wanted_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds from 0 to LONGEST_WAIT_SECONDS by a Retry-After (RFC 9110, 10.2.3), which is a number of
    seconds or a date; None where there is none that can be read."""
    said = headers.get("Retry-After", "").strip()
    try:
        seconds = float(said)
    except ValueError:
        try:
            # By the server's own clock, which its answer tells: ours may be another one.
            until, now = parsedate_to_datetime(said), parsedate_to_datetime(headers.get("Date", ""))
            seconds = (until - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return None if math.isnan(seconds) else min(max(0.0, seconds), LONGEST_WAIT_SECONDS)


def late(seconds: float) -> CallFailed:
    """There was no answer in time."""
    return CallFailed("TIMED_OUT", "DEADLINE_EXCEEDED", f"no answer within {seconds:.3g} s")


def broken(wrong: aiohttp.ClientError) -> CallFailed:
    """The connection could not be made, or did not last."""
    raw = f"{type(wrong).__name__}: {wrong}"
    return CallFailed("FAILED", "UNAVAILABLE", in_words(wrong), retryable=True, raw=raw)


def in_words(wrong: Exception) -> str:
    """What happened to a request; the library's own text names sockets, addresses and URLs."""
    match wrong:
        case aiohttp.ClientConnectorError() if isinstance(wrong.os_error, ForbiddenAddressError):
            return f"is not called: its host name {wrong.os_error}"
        case aiohttp.ClientConnectorDNSError():
            return "cannot be reached: its host name was not found"
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError():
            return "cannot be reached: TLS failed"
        case aiohttp.ClientConnectorError() if wrong.errno == ECONNREFUSED:
            return "cannot be reached: it refused the connection"
        case aiohttp.ClientConnectorError():
            return "cannot be reached"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return "the connection was closed before it had answered"
        case aiohttp.ClientOSError() | ConnectionResetError():
            return "it reset the connection"
        case aiohttp.ClientResponseError():
            return "its answer is no HTTP that can be read"
    return "the connection failed"
