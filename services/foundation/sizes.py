"""How large messages may be: what is too large is refused with a reason, which the transport cannot give."""

from services.foundation.contract import Render
from services.foundation.errors import ResourceExhausted

# The transport takes in this many times the limit, so that what is somewhat too large can be told so. Beyond,
# it hangs up with a plain RESOURCE_EXHAUSTED: nobody may make us hold any amount of bytes to be polite.
HEADROOM = 4


class TooLarge(ResourceExhausted):
    """A message is larger than the limit; the same one will never fit."""

    reason = "TOO_LARGE"


def too_large(name: str, size: int, most: int) -> TooLarge:
    """The error for a message of `size` bytes where `most` may travel."""
    said = f"{name} has {size} bytes; at most {most} are accepted (the setting message_bytes)"
    return TooLarge(said, type=name, bytes=size, limit=most)


def within(render: Render, most: int, name: str) -> Render:
    """The same renderer, refusing what is larger than `most` bytes."""

    def bounded(reply: object) -> bytes:
        raw = render(reply)
        if len(raw) > most:
            raise too_large(name, len(raw), most)
        return raw

    return bounded
