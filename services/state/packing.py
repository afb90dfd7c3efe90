"""Connections whose commands are written down by hiredis, as the library's synchronous ones are.

In Python it takes a microsecond for each argument; a read of a hundred keys takes as long as its round trip.
"""

from typing import Any

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection


class Packing(AbstractConnection):
    """Writes commands down at once."""

    def pack_command(self, *args: Any) -> list[bytes]:
        """A command as bytes. Raises DataError for what is neither a text, nor bytes, nor a number."""
        try:
            if " " not in args[0]:
                return [pack_command(args)]
        except TypeError:
            # The library's own words for it; what it takes beside comes through here as well.
            pass
        return super().pack_command(*args)


def packing(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """The same kind of connection, packing so."""
    return type(f"Packing{kind.__name__}", (Packing, kind), {})
