"""Where a process never calls for others: addresses that answer with credentials of the machine that asks.

Whoever registers a model or names a webhook chooses an address, and the suite calls it from inside the house.
A name is judged by what it resolves to at the moment of calling, by the resolver that the connection uses, so
that one that changes its mind between check and use gains nothing.
"""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Clouds answer here with credentials, some of them outside of the link-local range.
METADATA_NAMES = frozenset(("metadata", "metadata.google.internal", "instance-data"))
METADATA = frozenset(map(ipaddress.ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200")))
# A gateway between the protocols takes the last 32 bits for an address (RFC 6052).
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
TOLD = "leads to an address of a metadata service, which answers with credentials"


class ForbiddenAddressError(OSError):
    """The address is not one to call."""


def meant(address: str) -> Address:
    """The address that packets end at, whatever it is wrapped in. Raises ValueError for what is none.

    >>> meant("::ffff:169.254.169.254"), meant("64:ff9b::a9fe:a9fe"), meant("[::1]")
    (IPv4Address('169.254.169.254'), IPv4Address('169.254.169.254'), IPv6Address('::1'))
    """
    ip = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def gives_credentials(ip: Address) -> bool:
    """Whether it is one of a metadata service, or of the range that they are in."""
    return ip.is_link_local or ip in METADATA


def forbidden(address: str) -> bool:
    """Whether host:port or a URL leads to a metadata service, as far as it can be told without asking."""
    host = (urlsplit(address if "//" in address else f"//{address}").hostname or "").rstrip(".").lower()
    try:
        return host in METADATA_NAMES or gives_credentials(meant(host))
    except ValueError:
        return False  # a name: what it leads to is known when it is resolved


class GuardedResolver(AbstractResolver):
    """Resolves names, and drops addresses of metadata services. Raises ForbiddenAddressError if none is
    left."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or ThreadedResolver()

    def refusal(self, address: str) -> str:
        """Why an address is not one to call; empty where it is."""
        return TOLD if gives_credentials(meant(address)) else ""

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        """As aiohttp asks for it."""
        found = await self._inner.resolve(host, port, family)
        allowed = [one for one in found if not self.refusal(one["host"])]
        if found and not allowed:
            raise ForbiddenAddressError(self.refusal(found[0]["host"]))
        return allowed

    async def close(self) -> None:
        """Release what resolving holds."""
        await self._inner.close()
