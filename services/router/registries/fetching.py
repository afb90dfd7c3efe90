"""GET of JSON from a registry: bounded in time and size, tried twice where the server fails."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from services.foundation.errors import InvalidArgument
from services.models.registration import SECRET
from services.router.registries.errors import unavailable, unusable

# A page of a hundred models with their tags is some 100 kB.
MOST_BYTES = 8 * 1024 * 1024
REQUEST_SECONDS = 10.0
LONGEST_MESSAGE = 200


def authorization(secret_ref: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The header for a secret_ref; none without one. Raises InvalidArgument, or RegistryUnusable if there is
    no such secret."""
    if not secret_ref:
        return {}
    if not SECRET.fullmatch(secret_ref):
        said = "env:NAME expected, an environment variable of the router that does not begin with TURNOUT_"
        raise InvalidArgument(f"secret_ref: {said}", fields=[("secret_ref", said)])
    secret = environ.get(secret_ref.partition(":")[2])
    if not secret:
        raise unusable(f"the router's environment has no {secret_ref.partition(':')[2]}", "secret_ref")
    return {"Authorization": f"Bearer {secret}"}


class Fetcher:
    """Reads below `base`. `remaining` tells the seconds that are left to the caller."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        headers: Mapping[str, str],
        remaining: Callable[[], float],
    ) -> None:
        self._session = session
        self._base = base
        # Uncompressed, so that the limit on size holds for what is read into memory.
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        self._secret = headers.get("Authorization", "").removeprefix("Bearer ")
        self._remaining = remaining

    async def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """The JSON object at a path. Raises RegistryUnavailable, RegistryUnusable."""
        status, raw = await self._ask(path, query)
        if status >= 500:
            status, raw = await self._ask(path, query)
        if status != 200:
            raise self._refused(status, raw)
        return _object(raw)

    async def _ask(self, path: str, query: Mapping[str, str]) -> tuple[int, bytes]:
        seconds = min(REQUEST_SECONDS, self._remaining())
        if seconds <= 0:
            raise unavailable("no time was left to read it: allow more, or narrow the import with prefix")
        try:
            # Redirects could lead to a host that nobody has allowed.
            async with (
                asyncio.timeout(seconds),
                self._session.get(
                    self._base + path, params=query, headers=self._headers, allow_redirects=False
                ) as response,
            ):
                return response.status, await _read(response)
        except TimeoutError:
            raise unavailable(f"no answer within {seconds:.3g} s") from None
        except aiohttp.ClientError as wrong:
            raise unavailable(f"{type(wrong).__name__}: {wrong}"[:LONGEST_MESSAGE]) from None

    def _refused(self, status: int, raw: bytes) -> Exception:
        """What a status means. Of its body only the message of an MLflow error is told: whatever else answers
        is not for callers to read."""
        try:
            error = json.loads(raw)
            message = str(error["message"]) if "error_code" in error else ""
        except (ValueError, KeyError, TypeError, RecursionError):
            message = ""
        if self._secret:
            message = message.replace(self._secret, "***")
        said = f"HTTP {status}: {message}"[:LONGEST_MESSAGE] if message else f"HTTP {status}"
        if status >= 500:
            return unavailable(said)
        if status in (401, 403):
            return unusable(f"{said}; it wants credentials that secret_ref does not give")
        if 300 <= status < 400:
            return unusable(f"{said}; redirects are not followed: write the address that it leads to")
        return unusable(said)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    whole = bytearray()
    async for chunk in response.content.iter_any():
        whole += chunk
        if len(whole) > MOST_BYTES:
            raise unusable(f"an answer of more than {MOST_BYTES} bytes")
    return bytes(whole)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        kind = "HTML" if raw.lstrip()[:1] == b"<" else "something else"
        raise unusable(f"answered {kind}, not JSON: is this the address of its REST API?") from None
    if not isinstance(found, dict):
        raise unusable("answered JSON that is no object")
    return found
