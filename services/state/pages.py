"""Page tokens: opaque, URL-safe, and worth nothing under other filters."""

import base64
import hashlib

from services.foundation.errors import InvalidArgument
from services.state.errors import BadPageToken

MAX_PAGE = 1000


def seal(filters: str, last: str) -> str:
    """A token for the page after `last`, valid for the same `filters` only.

    >>> seal("routers", "routers/churn")
    'CUX4BHJvdXRlcnMvY2h1cm4'
    """
    return base64.urlsafe_b64encode(_mark(filters) + last.encode()).rstrip(b"=").decode()


def unseal(filters: str, token: str) -> str:
    """Where the page before ended; empty for the first page. Raises BadPageToken.

    >>> unseal("routers", seal("routers", "routers/churn"))
    'routers/churn'
    """
    if not token:
        return ""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        mark, last = raw[:4], raw[4:].decode()
    except ValueError as error:
        raise _bad() from error
    if mark != _mark(filters):
        raise _bad()
    return last


def size(asked: int, default: int) -> int:
    """Items of a page: the default where none is asked for, at most 1,000.

    >>> size(0, 50), size(5000, 50)
    (50, 1000)
    """
    if asked < 0:
        raise InvalidArgument(
            "page_size must not be negative", fields=[("page_size", "0 for the default, or more")]
        )
    return min(asked or default, MAX_PAGE)


def _mark(filters: str) -> bytes:
    return hashlib.blake2b(filters.encode(), digest_size=4).digest()


def _bad() -> BadPageToken:
    return BadPageToken(
        "page_token is not a token of this list with these filters",
        fields=[("page_token", "next_page_token of the page before, with the same filters")],
    )
