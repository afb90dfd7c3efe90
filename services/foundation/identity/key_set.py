"""The public keys that tokens are signed with: a JSON Web Key Set from a URL or a file, kept fresh."""

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.request import HTTPRedirectHandler, build_opener

import jwt

from services.foundation.logs import log

REFRESH_SECONDS = 300.0
FETCH_SECONDS = 5.0
MOST_BYTES = 1024 * 1024
# A token that names an unknown key may be signed with a new one; but anybody can make up such tokens.
UNKNOWN_KEY_SECONDS = 10.0
FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 60.0


class BadKeySet(ValueError):
    """What was fetched is no key set with a usable key."""


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """The keys come from where the settings say, or not at all."""


class KeySet:
    """Keys by id. `version` grows when they change; while the source fails the last ones stay.

    Fetching and parsing happen in a thread. `clock` is monotonic, in seconds. Run `run()` in the background.
    """

    def __init__(
        self, source: str, *, rng: random.Random, clock: Callable[[], float], period: float = REFRESH_SECONDS
    ) -> None:
        self._source = source
        self._rng = rng
        self._clock = clock
        self._period = period
        self._tried = float("-inf")
        self._turn = asyncio.Lock()
        self.keys: Mapping[str, jwt.PyJWK] = {}
        self.version = 0
        self.loaded = False

    async def run(self) -> None:
        """Refresh until cancelled: periodically, and with growing pauses while that fails."""
        backoff = FIRST_BACKOFF
        while True:
            if await self.refresh():
                backoff, pause = FIRST_BACKOFF, self._period
            else:
                backoff, pause = min(2 * backoff, LONGEST_BACKOFF), backoff
            # Replicas that started together must not ask together.
            await asyncio.sleep(pause * (0.75 + self._rng.random() / 2))

    async def look_again(self) -> None:
        """Refresh because a token named a key that is not here; at most once in UNKNOWN_KEY_SECONDS, or in
        FIRST_BACKOFF while there are no keys at all."""
        # Those who come while one is fetching wait for what it fetches.
        async with self._turn:
            if self._clock() - self._tried >= (UNKNOWN_KEY_SECONDS if self.loaded else FIRST_BACKOFF):
                await self._refresh()

    async def refresh(self) -> bool:
        """Fetch now. Returns whether that went well."""
        async with self._turn:
            return await self._refresh()

    async def _refresh(self) -> bool:
        try:
            found = await asyncio.to_thread(fetch, self._source)
        except (OSError, ValueError) as failed:
            log.warning("cannot fetch the keys of tokens; the last ones stay", why=str(failed))
            return False
        finally:
            # When it ended: a fetch that hangs must not be repeated by each of those who waited for it.
            self._tried = self._clock()
        if _material(found) != _material(self.keys):
            self.keys, self.version = found, self.version + 1
        self.loaded = True
        return True


def fetch(source: str) -> dict[str, jwt.PyJWK]:
    """The keys of a set by id ("" for one without). Blocks. Raises OSError, BadKeySet."""
    if source.startswith(("https://", "http://")):
        with build_opener(_NoRedirect).open(source, timeout=FETCH_SECONDS) as reply:
            content = reply.read(MOST_BYTES + 1)
    else:
        content = Path(source).read_bytes()
    if len(content) > MOST_BYTES:
        raise BadKeySet(f"the key set has more than {MOST_BYTES} bytes")
    return parse(content)


def parse(content: bytes) -> dict[str, jwt.PyJWK]:
    """The public keys for signatures in a key set. Raises BadKeySet."""
    try:
        found = json.loads(content)
        listed = [one for one in found["keys"] if isinstance(one, dict) and one.get("use", "sig") == "sig"]
        # A symmetric key in a public document is no secret: whoever reads it could sign.
        public = jwt.PyJWKSet([one for one in listed if one.get("kty") != "oct"])
    except (ValueError, KeyError, TypeError, jwt.PyJWTError) as wrong:
        raise BadKeySet(f"it holds no JSON Web Key Set with a public key: {type(wrong).__name__}") from None
    return {str(key.key_id or ""): key for key in public.keys}


def _material(keys: Mapping[str, jwt.PyJWK]) -> dict[str, dict[str, Any]]:
    return {name: key._jwk_data for name, key in keys.items()}  # noqa: SLF001 - what it was made of
