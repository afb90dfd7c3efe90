"""Who calls, as far as it is known."""

import re
from typing import Literal, NamedTuple

Way = Literal["none", "api_key", "jwt", "mtls", "service"]

# What a user's id may look like, wherever it comes from: it is stored as an owner and written into logs.
SOUND_NAME = re.compile(r"[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]{0,254}[^\x00-\x20\x7f])?")
NAME_RULE = "1 to 256 characters, none of them a control character, no blank at either end"


class Caller(NamedTuple):
    """Who calls.

    name: the user's id, empty without credentials; peer: the transport's address; method: how the name is
    known; admin: whether the caller may do everything; until: when an API key expires, in seconds since 1970.
    Where access is not enforced everybody is a nameless
    administrator. A process of the suite (`service`) bears the name of the user whom it works for, and is
    trusted: it has asked what that user may do.
    """

    name: str
    peer: str
    method: Way = "none"
    admin: bool = False
    until: float = float("inf")
