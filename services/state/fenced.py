"""Writing what only the partition's owner may write.

A lease can run out while its owner is busy or stopped, and the owner cannot know. So every write names the
token of the lease, and the script that writes checks it: once somebody else was given the partition, nothing
of the former owner's is written any more.
"""

from collections.abc import Mapping
from typing import NamedTuple

from services.state import keys
from services.state.connection import Connections
from services.state.errors import LostLease
from services.state.scripts import Arg, Script

FENCED_SET = Script("fenced_set", repeatable=True)
FENCED_HASH_SET = Script("fenced_hash_set", repeatable=True)


class Fence(NamedTuple):
    """What a script compares before it writes: the key of the partition's token, and the owner's token."""

    key: str
    token: str

    @classmethod
    def of(cls, partition: int, group: str, token: int) -> "Fence":
        """The fence of a lease."""
        return cls(keys.token(partition, group), str(token))


class FencedWriter:
    """Absolute writes under a fence: repeating one writes the same. All keys must be of the fence's
    partition."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def set(self, fence: Fence, values: Mapping[str, bytes], lifetime: float = 0.0) -> None:
        """Write whole values, all or none; `lifetime` in seconds, 0 for ever. Raises LostLease."""
        args: list[Arg] = [fence.token, int(lifetime * 1000), *values.values()]
        if not await FENCED_SET(self._redis, [fence.key, *values], args):
            raise lost(fence)

    async def hash_set(
        self, fence: Fence, key: str, fields: Mapping[str, bytes | str | int], lifetime: float = 0.0
    ) -> None:
        """Write fields of a hash, all or none; `lifetime` in seconds, 0 leaves it. Raises LostLease."""
        pairs: list[Arg] = [part for field, value in fields.items() for part in (field, value)]
        args: list[Arg] = [fence.token, int(lifetime * 1000), *pairs]
        if not await FENCED_HASH_SET(self._redis, [fence.key, key], args):
            raise lost(fence)


def lost(fence: Fence) -> LostLease:
    """The error of a writer that was fenced out."""
    return LostLease("another process owns the partition now", retry_after=1.0, lease=fence.key)
