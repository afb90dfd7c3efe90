"""The signature of a notification: whoever has the secret knows that it comes from here, and when it was
sent.

The header is `t=<seconds since 1970>,v1=<hex>`, and the hex HMAC-SHA256 of `<t>.<body>` under the secret. The
time is part of what is signed: who refuses what is older than five minutes, and an Idempotency-Key that he
has seen, cannot be told the same twice by somebody who listened.

>>> header = sign(b"0123456789abcdef", b"{}", 1700000000)
>>> header[:17], verify(b"0123456789abcdef", b"{}", header, now=1700000100.0)
('t=1700000000,v1=e', True)
>>> verify(b"0123456789abcdef", b"{}", header, now=1700000301.0)
False
"""

import hashlib
import hmac

HEADER = "Turnout-Signature"
# Clocks differ, and a delivery may wait in a queue of the receiver's.
TOLERANCE_SECONDS = 300.0


def sign(secret: bytes, body: bytes, time: int) -> str:
    """The header's value; `time` in seconds since 1970."""
    return f"t={time},v1={_digest(secret, body, str(time))}"


def verify(secret: bytes, body: bytes, header: str, now: float) -> bool:
    """Whether a body was signed with this secret, within five minutes of `now`."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    time = parts.get("t", "")
    if not time.isdecimal() or abs(now - int(time)) > TOLERANCE_SECONDS:
        return False
    return hmac.compare_digest(_digest(secret, body, time), parts.get("v1", ""))


def _digest(secret: bytes, body: bytes, time: str) -> str:
    return hmac.new(secret, f"{time}.".encode() + body, hashlib.sha256).hexdigest()
