"""API keys, `tk_<id>_<secret>`: the id finds the key, and of the whole only a digest is kept."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from services.foundation.identity.caller import Caller
from services.foundation.identity.errors import BadCredentials, KeysUnavailable

PREFIX = "tk_"
_SHAPE = re.compile(r"tk_([0-9a-f]{16})_[0-9a-f]{64}")
# Compared with where there is no such key, so that this takes as long.
_NOTHING = bytes(32)


class KeyEntry(NamedTuple):
    """What is known of a key. `expires` is in seconds since 1970, infinite for never."""

    user: str
    admin: bool
    digest: bytes
    expires: float = float("inf")


class KeyRing(Protocol):
    """The keys that are accepted now, in memory."""

    @property
    def loaded(self) -> bool:
        """Whether the keys have been read at all; before, an unknown key may be a good one."""

    def find(self, key_id: str) -> KeyEntry | None:
        """The key of an id; None if it is unknown or revoked."""


def mint() -> tuple[str, str, bytes]:
    """A new key: its id, the whole of it (to be shown once), and its digest (to be kept)."""
    key_id = secrets.token_hex(8)
    whole = f"{PREFIX}{key_id}_{secrets.token_hex(32)}"
    return key_id, whole, digest_of(whole)


def id_in(key: str) -> str | None:
    """The id that a key names; None if it is no key."""
    shaped = _SHAPE.fullmatch(key)
    return shaped[1] if shaped else None


def digest_of(secret: str) -> bytes:
    """SHA-256, unsalted and fast: 256 random bits are not guessed, unlike passwords."""
    return hashlib.sha256(secret.encode()).digest()


def caller_of(key: str, peer: str, ring: KeyRing, now: Callable[[], float]) -> Caller:
    """Whom a key speaks for. Raises BadCredentials, KeysUnavailable."""
    key_id = id_in(key)
    entry = ring.find(key_id) if key_id else None
    same = hmac.compare_digest(digest_of(key), entry.digest if entry else _NOTHING)
    if entry is None or not same:
        if not ring.loaded:
            raise KeysUnavailable("API keys cannot be checked yet", retry_after=1.0)
        named = f"the API key {key_id}" if key_id else f"what was given as an API key ({PREFIX}…)"
        raise BadCredentials(f"{named} is unknown or revoked", "unknown_key")
    if entry.expires <= now():
        ended = datetime.fromtimestamp(entry.expires, UTC).isoformat(timespec="seconds")
        raise BadCredentials(
            f"the API key {key_id} has expired, at {ended}; another one is needed", "expired"
        )
    return Caller(entry.user, peer, "api_key", entry.admin, entry.expires)
