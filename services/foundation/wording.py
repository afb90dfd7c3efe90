"""What a transport says of a connection that failed, in plain words: its own name sockets and addresses."""

import re

# Each is what grpc's core says itself, anchored: a model server's words are its own. First match counts.
# The second is what it says where the addresses behind a name take turns.
_NEVER = r"^(failed to connect to all addresses|connections to all backends failing)"
_CLOSED = "the connection was closed before it had answered"
_CORE = (
    (r"^errors resolving |^DNS resolution failed", "cannot be reached: its host name was not found"),
    (rf"{_NEVER}.*Failed parsing HTTP/2|^Received http2 header with status", "it does not speak gRPC"),
    (rf"{_NEVER}.*refused", "cannot be reached: it refused the connection"),
    (rf"{_NEVER}.*reset", "cannot be reached: it reset the connection"),
    (rf"{_NEVER}.*closed", "cannot be reached: it closed the connection"),
    (rf"{_NEVER}.*(unreachable|no route)", "cannot be reached: there is no way to its address"),
    (rf"{_NEVER}.*(timed out|timeout|deadline)", "cannot be reached: it did not take the connection in time"),
    (_NEVER, "cannot be reached"),
    (r"^(Stream removed \()?(recvmsg|sendmsg):.*reset|^Connection reset", "it reset the connection"),
    (
        r"^(Stream removed|Socket closed|Broken pipe|recvmsg|sendmsg|Transport|keepalive|ping )|GOAWAY",
        _CLOSED,
    ),
    (r"^Error in HTTP transport", _CLOSED),
    (r"^Cancelling all calls$", "it ended before it had answered"),
    (r"^Received RST_STREAM", "it broke the call off"),
)
_WORDS = tuple((re.compile(pattern, re.DOTALL | re.IGNORECASE), said) for pattern, said in _CORE)


def plain(raw: str) -> str:
    """What happened, where `raw` is the transport's own text; else the text as it is.

    >>> plain("failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Connection refused")
    'cannot be reached: it refused the connection'
    >>> plain("the GPU is on fire")
    'the GPU is on fire'
    """
    return next((said for pattern, said in _WORDS if pattern.search(raw)), raw)
