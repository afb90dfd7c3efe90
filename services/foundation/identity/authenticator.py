"""Who calls, from the headers of a call and the certificate of its connection."""

import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from urllib.parse import quote, unquote

from services.foundation.identity import api_keys, certificates
from services.foundation.identity.api_keys import KeyRing, digest_of
from services.foundation.identity.caller import SOUND_NAME, Caller
from services.foundation.identity.errors import BadCredentials
from services.foundation.identity.tokens import TokenVerifier

AUTHORIZATION, API_KEY = "authorization", "x-api-key"
SERVICE_TOKEN, ON_BEHALF_OF = "x-turnout-service", "x-turnout-on-behalf-of"
# Who brings it came through a gateway, whose certificate is not his. It can only take a name away.
THROUGH = "x-turnout-through"
BOOTSTRAP_USER = "bootstrap"

Headers = Sequence[tuple[str, str | bytes]]

# What the connection of the RPC whose task this is says of its peer; set only where clients show
# certificates.
CERTIFICATE: ContextVar[Mapping[str, Sequence[bytes]]] = ContextVar("turnout_certificate")


class Authenticator:
    """Tries what the caller brought, one kind of credentials only; without any, the caller has no name.

    service_tokens: what marks the suite's own processes, any of them; bootstrap_key: an administrator's key
    from the settings. Empty ones are off. `now` is in seconds since 1970.
    """

    def __init__(
        self,
        ring: KeyRing,
        tokens: TokenVerifier | None = None,
        *,
        service_tokens: Sequence[str] = (),
        bootstrap_key: str = "",
        admins: frozenset[str] = frozenset(),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._ring = ring
        self._tokens = tokens
        self._services = [digest_of(token) for token in service_tokens if token]
        self._bootstrap = digest_of(bootstrap_key) if bootstrap_key else None
        self._admins = admins
        self._now = now

    async def identify(self, headers: Headers, peer: str) -> Caller:
        """Who calls. Raises BadCredentials for what is given and not accepted, KeysUnavailable."""
        given, behalf, scheme, through = "", "", "", False
        for name, value in headers:
            if name == ON_BEHALF_OF:
                behalf = str(value)
            elif name == THROUGH:
                through = True
            elif name in _CREDENTIALS:
                if scheme:
                    said = f"give one credential: {AUTHORIZATION}, or {API_KEY}, and each once"
                    raise BadCredentials(said, "ambiguous")
                scheme, given = name, str(value)
        if scheme == SERVICE_TOKEN:
            return self._of_the_suite(given, behalf, peer)
        if scheme == API_KEY:
            return self._by_key(given.strip(), peer)
        if scheme == AUTHORIZATION:
            return await self._by_bearer(given, peer)
        return Caller("", peer) if through else self._by_certificate(peer)

    async def _by_bearer(self, given: str, peer: str) -> Caller:
        kind, _, token = given.partition(" ")
        token = token.strip()
        if kind.lower() != "bearer" or not token:
            raise BadCredentials(
                "authorization is written: Bearer, a blank, an API key or a token", "malformed"
            )
        # A token has two dots and a key none.
        if self._tokens is not None and "." in token and not token.startswith(api_keys.PREFIX):
            return await self._tokens.caller_of(token, peer)
        return self._by_key(token, peer)

    def _by_key(self, key: str, peer: str) -> Caller:
        if self._bootstrap and hmac.compare_digest(digest_of(key), self._bootstrap):
            return Caller(BOOTSTRAP_USER, peer, "api_key", True)
        return api_keys.caller_of(key, peer, self._ring, self._now)

    def _of_the_suite(self, token: str, behalf: str, peer: str) -> Caller:
        digest = digest_of(token)
        if not any(hmac.compare_digest(digest, known) for known in self._services):
            raise BadCredentials("the service token is not the one of this suite", "service")
        return Caller(unquote(behalf), peer, "service", True)

    def _by_certificate(self, peer: str) -> Caller:
        name = certificates.name_in(CERTIFICATE.get({}))
        if not name:
            return Caller("", peer)
        if not SOUND_NAME.fullmatch(name):
            raise BadCredentials("the name in the certificate is no user id here", "malformed")
        return Caller(name, peer, "mtls", name in self._admins)


_CREDENTIALS = frozenset((AUTHORIZATION, API_KEY, SERVICE_TOKEN))


def on_behalf(service_token: str, user: str) -> list[tuple[str, str]]:
    """The headers with which a process of the suite calls another for a user ("" for itself)."""
    told = [(SERVICE_TOKEN, service_token)]
    # Headers are ASCII, and names need not be.
    return [*told, (ON_BEHALF_OF, quote(user, safe="@:/"))] if user else told
