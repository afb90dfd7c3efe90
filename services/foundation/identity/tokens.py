"""JSON Web Tokens: verified once, then known by their digest until they expire."""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jwt

from services.foundation.identity.caller import SOUND_NAME, Caller
from services.foundation.identity.errors import BadCredentials, KeysUnavailable
from services.foundation.identity.key_set import KeySet

# A signature costs 60 to 150 µs to verify, a digest one. At a few hundred bytes each: under 2 MB.
MOST_KNOWN = 4096
LONGEST_TOKEN = 8192
# Clocks differ.
LEEWAY_SECONDS = 5.0


@dataclass(frozen=True)
class Expected:
    """What a token must say, and where it says who and whether an administrator."""

    algorithms: Sequence[str]
    issuer: str
    audience: str
    user_claim: str = "sub"
    admin_claim: str = ""
    admin_value: str = ""
    admins: frozenset[str] = frozenset()


class Known(NamedTuple):
    """A token that was verified; `until` is in seconds since 1970."""

    user: str
    admin: bool
    until: float


# The first that fits; what a library says may quote the token.
REFUSALS: tuple[tuple[type[Exception], str, str], ...] = (
    (jwt.ExpiredSignatureError, "the token has expired", "expired"),
    (jwt.ImmatureSignatureError, "the token is not valid yet", "not_yet_valid"),
    (jwt.InvalidAudienceError, "the token is for another audience", "audience"),
    (jwt.InvalidIssuerError, "the token is from another issuer", "issuer"),
    (jwt.MissingRequiredClaimError, "the token lacks the claim {claim}, which is required here", "claim"),
    (jwt.InvalidSignatureError, "the token's signature is wrong", "signature"),
    (jwt.InvalidAlgorithmError, "the token's algorithm is not accepted", "algorithm"),
    (jwt.PyJWTError, "the token is malformed", "malformed"),
)


class TokenVerifier:
    """Verifies tokens against a key set. `now` is in seconds since 1970."""

    def __init__(
        self,
        keys: KeySet,
        expected: Expected,
        *,
        now: Callable[[], float] = time.time,
        most: int = MOST_KNOWN,
    ) -> None:
        self.keys = keys
        self._expected = expected
        self._now = now
        self._most = most
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._version = keys.version

    async def caller_of(self, token: str, peer: str) -> Caller:
        """Whom a token speaks for. Raises BadCredentials, KeysUnavailable."""
        if self._version != self.keys.version:
            # A key that is gone must not live on in what was verified with it.
            self._version = self.keys.version
            self._known.clear()
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is None:
            known = await self._verified(token)
            self._keep(digest, known)
        elif known.until <= self._now():
            del self._known[digest]
            raise BadCredentials("the token has expired", "expired")
        else:
            self._known.move_to_end(digest)
        return Caller(known.user, peer, "jwt", known.admin)

    def _keep(self, digest: bytes, known: Known) -> None:
        self._known[digest] = known
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    async def _verified(self, token: str) -> Known:
        if len(token) > LONGEST_TOKEN:
            raise BadCredentials(f"the token is longer than {LONGEST_TOKEN} characters", "malformed")
        key = await self._key_of(token)
        # Pinned twice: by the settings, and by the key. A token never chooses how it is verified.
        if key.algorithm_name not in self._expected.algorithms:
            raise BadCredentials("the token's algorithm is not accepted", "algorithm")
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm_name],
                issuer=self._expected.issuer,
                audience=self._expected.audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", self._expected.user_claim]},
            )
            return self._read(claims)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as wrong:
            raise refusal(wrong) from None

    async def _key_of(self, token: str) -> jwt.PyJWK:
        try:
            named = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError as wrong:
            raise refusal(wrong) from None
        key = self._find(named)
        if key is None:
            await self.keys.look_again()
            key = self._find(named)
        if key is None:
            if not self.keys.loaded:
                raise KeysUnavailable("tokens cannot be checked yet", retry_after=1.0)
            raise BadCredentials("the token is signed with a key that is not known here", "unknown_key")
        return key

    def _find(self, named: Any) -> jwt.PyJWK | None:
        keys = self.keys.keys
        if named is None:
            # Without a name there must be no choice.
            return next(iter(keys.values())) if len(keys) == 1 else None
        return keys.get(named) if isinstance(named, str) else None

    def _read(self, claims: dict[str, Any]) -> Known:
        expected = self._expected
        user = claims[expected.user_claim]
        if not isinstance(user, str) or not SOUND_NAME.fullmatch(user):
            raise BadCredentials("the token's user id is no user id here", "claim")
        held = _texts(claims.get(expected.admin_claim)) if expected.admin_claim else []
        admin = user in expected.admins or expected.admin_value in held
        return Known(user, admin, float(claims["exp"]) + LEEWAY_SECONDS)


def _texts(claim: Any) -> list[str]:
    """A claim as texts: a list of roles, or one; a boolean is compared as it is written in JSON."""
    each = claim if isinstance(claim, list) else [] if claim is None else [claim]
    return [one if isinstance(one, str) else json.dumps(one) for one in each]


def refusal(wrong: Exception) -> BadCredentials:
    """What the caller is told."""
    for kind, said, why in REFUSALS:
        if isinstance(wrong, kind):
            return BadCredentials(said.format(claim=getattr(wrong, "claim", "")), why)
    return BadCredentials("the token is malformed", "malformed")
