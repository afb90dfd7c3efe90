"""Where webhooks may lead: a model's editor chooses the URL, and the service sends from inside the house.

A name is judged by what it resolves to at the moment of sending, by the resolver that the connection uses, so
that a name that changes its mind between check and use gains nothing.
"""

from typing import Literal
from urllib.parse import SplitResult, urlsplit

from aiohttp.abc import AbstractResolver

from services.models.reach import METADATA_NAMES, GuardedResolver, gives_credentials, meant

Reach = Literal["public", "private", "any"]

LONGEST_URL = 2_000


def problem(url: str, reach: Reach) -> str:
    """What is wrong with a webhook's URL; empty where nothing is, as far as it can be told without asking."""
    if len(url) > LONGEST_URL:
        return f"has {len(url)} characters; {LONGEST_URL} at most"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is no URL: https://host/path expected"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must begin with https:// or http:// and name a host"
    if any(character <= " " or character == "\x7f" for character in url):
        return "must not contain spaces or control characters"
    if parts.username is not None or parts.password is not None:
        return "must not contain a user or password: give an Authorization header instead"
    if port == 0:
        return "must not name port 0"
    return _host_problem(parts, reach)


def _host_problem(parts: SplitResult, reach: Reach) -> str:
    host = (parts.hostname or "").rstrip(".").lower()
    if host in METADATA_NAMES and reach != "any":
        return f"leads to {host}, which answers with credentials; webhook_reach = any allows it"
    try:
        return refusal(host, reach)
    except ValueError:
        return ""  # a name: what it leads to is known when it is resolved


def refusal(address: str, reach: Reach) -> str:
    """Why an IP address is not one to send to; empty where it is. Raises ValueError for what is none.

    >>> refusal("10.0.0.7", "private"), refusal("93.184.216.34", "public")
    ('', '')
    >>> refusal("::ffff:169.254.169.254", "private")
    'leads to a link-local address, as those of metadata services are; webhook_reach = any allows it'
    """
    ip = meant(address)
    if reach == "any":
        return ""
    if gives_credentials(ip):
        said = "leads to a link-local address, as those of metadata services are"
        return f"{said}; webhook_reach = any allows it"
    if ip.is_unspecified or ip.is_multicast:
        return "leads to an address that is no single host's"
    if reach == "public" and not ip.is_global:
        return "leads to a private address; webhook_reach = private allows it"
    return ""


class WebhookResolver(GuardedResolver):
    """Resolves names for webhooks that may reach so far."""

    def __init__(self, reach: Reach, inner: AbstractResolver | None = None) -> None:
        super().__init__(inner)
        self._reach: Reach = reach

    def refusal(self, address: str) -> str:
        """Why an address is not one to send to; empty where it is."""
        return refusal(address, self._reach)
