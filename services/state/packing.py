"""Connections to one server whose commands hiredis writes down, as it does the library's synchronous ones.

In Python it takes a microsecond for each argument, and for a read of a hundred keys as long as its trip.
Connections that Sentinels name, and those of a Cluster, are the library's own.
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
            # Names of commands that are bytes, and the library's own words for what cannot be sent.
            pass
        return super().pack_command(*args)


def packing(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """The same kind of connection, packing so."""
    return type(f"Packing{kind.__name__}", (Packing, kind), {})
