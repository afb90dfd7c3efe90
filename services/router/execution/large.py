"""Answers that are too large to be logged: the log has their length and their hash."""

from hashlib import blake2b

from turnout.inference.v1.event_pb2 import LargeOutput

# An answer of more bytes is logged by its length and hash; the caller gets it whole.
LARGEST_KEPT = 256 * 1024
# Bytes of all answers to one prediction that are logged whole: its record must fit a reply of 4 MiB.
MOST_KEPT = 1024 * 1024

PREFIX = "hash:"
DIGEST = 16


def known_by(encoded: bytes) -> LargeOutput:
    """What is logged of a serialized Output."""
    digest = blake2b(encoded, digest_size=DIGEST).hexdigest()
    return LargeOutput(bytes=len(encoded), hash=PREFIX + digest)
