"""Whether access is enforced in a process, and by what."""

import asyncio
import ipaddress
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from services.foundation.access_settings import SHORTEST_SECRET
from services.foundation.identity.api_keys import KeyRing
from services.foundation.identity.authenticator import Authenticator
from services.foundation.identity.caller import Caller
from services.foundation.identity.key_set import KeySet
from services.foundation.identity.pem_files import BadCertificate, PemFiles
from services.foundation.identity.tokens import Expected, TokenVerifier
from services.foundation.logs import log
from services.foundation.open_streams import OpenStreams
from services.foundation.rules import Rule
from services.foundation.settings import Settings

# Raises NotFound or PermissionDenied; at once, or in what it returns where that has to be looked up.
Check = Callable[[Caller, Any], Awaitable[None] | None]


class Permissions(Protocol):
    """What a service knows of who may do what to which of its resources."""

    def check_of(self, method: str, rule: Rule) -> Check:
        """The check of a method (by its full name), made once at start; it takes the caller and the
        request. Administrators are not asked about. Raises ValueError for a rule that it cannot check."""


class WrongAccessError(ValueError):
    """Settings that contradict each other, or would leave the door open; the message names them."""


@dataclass(frozen=True)
class Access:
    """What the methods of a server are guarded by. `works` run in the background, by name."""

    authenticator: Authenticator
    permissions: Permissions
    keys: KeySet | None = None
    streams: OpenStreams = field(default_factory=OpenStreams)


def access_of(
    settings: Settings, ring: KeyRing, permissions: Permissions, rng: random.Random
) -> Access | None:
    """The access control that settings ask for; None where access is open. Raises WrongAccessError."""
    check(settings)
    if settings.access_mode == "open":
        return None
    keys, tokens = _tokens(settings, rng)
    authenticator = Authenticator(
        ring,
        tokens,
        service_tokens=[
            settings.access_service_token.get_secret_value(),
            settings.access_service_token_also.get_secret_value(),
        ],
        bootstrap_key=settings.access_bootstrap_key.get_secret_value(),
        admins=frozenset(settings.access_admins),
    )
    return Access(authenticator, permissions, keys)


def _tokens(settings: Settings, rng: random.Random) -> tuple[KeySet | None, TokenVerifier | None]:
    if not settings.jwt_keys:
        return None, None
    clock = asyncio.get_running_loop().time
    keys = KeySet(settings.jwt_keys, rng=rng, clock=clock, period=settings.jwt_refresh_seconds)
    expected = Expected(
        algorithms=settings.jwt_algorithms,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        user_claim=settings.jwt_user_claim,
        admin_claim=settings.jwt_admin_claim,
        admin_value=settings.jwt_admin_value,
        admins=frozenset(settings.access_admins),
    )
    return keys, TokenVerifier(keys, expected)


def check(settings: Settings) -> None:
    """Raise WrongAccessError for settings that would not do what they seem to; warn of what is unwise."""
    refuse_strange_address(settings)
    for name in ("access_service_token", "access_service_token_also", "access_bootstrap_key"):
        length = len(getattr(settings, name).get_secret_value())
        if 0 < length < SHORTEST_SECRET:
            raise WrongAccessError(f"{name} has {length} characters; at least {SHORTEST_SECRET}")
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise WrongAccessError("tls_certificate and tls_key belong together: give both or neither")
    if settings.tls_client_authorities and not settings.tls_certificate:
        raise WrongAccessError("tls_client_authorities needs tls_certificate and tls_key")
    for name in ("tls_certificate", "tls_key", "tls_client_authorities", "tls_authorities"):
        if (path := getattr(settings, name)) and not Path(path).is_file():
            raise WrongAccessError(f"{name} = {path!r}: there is no such file")
    _check_pem(settings)
    if settings.access_mode == "enforced":
        _check_enforced(settings)


def _check_pem(settings: Settings) -> None:
    own = ("tls_certificate", "tls_key", "tls_client_authorities")
    for names in (own, ("", "", "tls_authorities")):
        try:
            PemFiles(*(getattr(settings, name) if name else "" for name in names)).read()
        except (OSError, BadCertificate) as wrong:
            raise WrongAccessError(f"{', '.join(filter(None, names))}: {wrong}") from None


def _check_enforced(settings: Settings) -> None:
    if not settings.access_service_token.get_secret_value():
        raise WrongAccessError(
            "access_mode = enforced needs access_service_token, the same in all processes: without it they "
            "cannot call each other"
        )
    if settings.jwt_keys:
        _check_tokens(settings)
    if not settings.tls_certificate and not is_loopback(settings.host):
        log.warning("credentials come in clear text, as clear_text allows", host=settings.host)


def _check_tokens(settings: Settings) -> None:
    for name in ("jwt_issuer", "jwt_audience"):
        if not getattr(settings, name):
            raise WrongAccessError(
                f"jwt_keys needs {name}: a token that is meant for others must not do here"
            )
    if bool(settings.jwt_admin_claim) != bool(settings.jwt_admin_value):
        raise WrongAccessError("jwt_admin_claim and jwt_admin_value belong together: give both or neither")
    source = urlsplit(settings.jwt_keys)
    if source.scheme == "http" and not is_loopback(source.hostname or ""):
        raise WrongAccessError(
            "jwt_keys: over http anybody on the way could put in keys of his own; use https"
        )


def refuse_strange_address(settings: Settings) -> None:
    """Beyond loopback only with authentication and encryption, or for those who say so."""
    if is_loopback(settings.host):
        return
    if settings.access_mode == "open" and not settings.expose:
        said = (
            "callers are not authenticated, so only loopback is served unless expose is true (and everybody "
            "who reaches this address may do everything) or access_mode is enforced"
        )
        raise UnsafeAddressError(f"host = {settings.host!r}: {said}")
    if settings.access_mode == "enforced" and not (settings.tls_certificate or settings.clear_text):
        said = (
            "keys and tokens would cross the network in clear text: give tls_certificate and tls_key, or set "
            "clear_text to true where something else encrypts what comes here (a mesh, a proxy beside it)"
        )
        raise UnsafeAddressError(f"host = {settings.host!r}: {said}")


def is_loopback(host: str) -> bool:
    """Whether an address reaches only this machine; a name other than localhost does not count as one."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class UnsafeAddressError(WrongAccessError):
    """A server that anybody may call, or that takes credentials in clear text, was asked to listen beyond
    loopback."""
