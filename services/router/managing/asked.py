"""What every mutation's request says beside its subject: what was seen, whether to change it, and by whom."""

import hashlib
import random
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


def named(prefix: str, how: Asked, rng: random.Random) -> str:
    """An id for what its creator does not name. The same request sent twice, even at once, must not claim two
    names: with a request id, it makes the name."""
    if how.once is None:
        return f"{prefix}-{rng.getrandbits(40):010x}"
    digest = hashlib.blake2b(f"{how.once.request_id}\0{how.once.fingerprint}".encode(), digest_size=5)
    return f"{prefix}-{digest.hexdigest()}"
