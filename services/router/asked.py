"""What every mutation's request says beside its subject: what was seen, whether to change it, and by whom."""

from typing import Any, NamedTuple

from services.foundation.call import Call
from services.foundation.identity.caller import Caller
from services.state.audit import Author
from services.state.once import Once, once


class Asked(NamedTuple):
    """How a change is asked for."""

    by: Author
    caller: Caller
    etag: str = ""
    once: Once | None = None
    validate_only: bool = False


def asked(request: Any, call: Call, etag: str | None = None) -> Asked:
    """Read it from a request; `etag` where the request carries it elsewhere than in a field of that name.

    Raises InvalidArgument for a request id that is too long.
    """
    method = type(request).__name__.removesuffix("Request")
    return Asked(
        Author(call.caller.name, method, call.request_id),
        call.caller,
        getattr(request, "etag", "") if etag is None else etag,
        once(method, request, call.caller.name),
        getattr(request, "validate_only", False),
    )
