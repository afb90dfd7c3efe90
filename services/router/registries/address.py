"""Where a registry is, and who may have this process call it."""

from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import urlsplit

from services.foundation.errors import InvalidArgument, PermissionDenied
from services.foundation.identity.caller import Caller
from services.router.registries.errors import FIELD

EXPECTED = "mlflow+http://host:port or mlflow+https://host/path expected"
LONGEST = 2048


class Address(NamedTuple):
    """kind: of the registry. base: of its URLs, without a slash at its end. host: with the port, if given."""

    kind: str
    base: str
    host: str


def read_address(uri: str, kinds: Collection[str]) -> Address:
    """Raises InvalidArgument for what is no address of a known kind of registry."""
    if len(uri) > LONGEST:
        raise _wrong(f"at most {LONGEST} characters, got {len(uri)}")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise _wrong(EXPECTED) from None
    kind, _, scheme = parts.scheme.partition("+")
    if kind not in kinds or scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise _wrong(f"{EXPECTED}, got {uri[:100]!r}")
    if parts.username is not None or parts.password is not None:
        # Not repeated: it has a password in it.
        raise _wrong("no user and password in it: write secret_ref env:NAME")
    if parts.query or parts.fragment or any(one.isspace() or not one.isprintable() for one in uri):
        raise _wrong(f"{EXPECTED}, without query, fragment or spaces")
    return Address(kind, f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}", parts.netloc.lower())


def check_allowed(address: Address, hosts: Collection[str], caller: Caller) -> None:
    """Raise PermissionDenied unless the caller is an administrator, as everybody is where access is open, or
    `hosts` has the address' host, with its port or for every port.

    Whoever may import has this process send requests to where he likes, and read what answers.
    """
    allowed = {host.lower() for host in hosts}
    bare = urlsplit(f"//{address.host}").hostname or ""
    if not caller.admin and not allowed & {address.host, bare}:
        said = "is none of the registry_hosts that an administrator lets everybody import from"
        raise PermissionDenied(f"{FIELD}: {address.host} {said}", fields=[(FIELD, said)], host=address.host)


def _wrong(said: str) -> InvalidArgument:
    return InvalidArgument(f"{FIELD}: {said}", fields=[(FIELD, said)])
