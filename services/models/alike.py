"""Messages that differ in nothing but their raw contents are recognised without being read.

Names, types and shapes of tensors are the same from message to message, and only the numbers change. What was
found out about one message holds for every other that has the same bytes around its contents, and comparing
those takes 1 µs where reading takes 5 to 15.
"""

import struct
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Generic, TypeVar

from google.protobuf.message import DecodeError, Message

from services.models.framing import header

Known = TypeVar("Known")

# Batches of every size are of a length each.
MOST_LENGTHS = 256
# Of one length: who stamps each message anew never repeats one, and is not to be learned from for ever.
MOST_ALIKE = 4
# Bytes around the contents: of one message, and of all that is remembered.
LONGEST = 1 << 16
MOST_CONTENTS = 64
MOST_BYTES = 1 << 22


def around(message: bytes, field: int, contents: Sequence[bytes]) -> tuple[bytes, ...]:
    """What stands before each of the raw contents of a serialized message, which are the field of this
    number; nothing where there are none, or they are not its end."""
    heads = [header(field, len(content)) for content in contents]
    tail = b"".join(chain.from_iterable(zip(heads, contents, strict=True)))
    if not heads or not message.endswith(tail):
        return ()
    return (message[: len(message) - len(tail)] + heads[0], *heads[1:])


def filled(given: Sequence[bytes], parts: Sequence[bytes]) -> bytes:
    """Parts of a message, as `find` gives them, with something else around the same contents."""
    made = list(parts)
    # As many as there were, or it raises.
    made[::2] = given
    return b"".join(made)


class Alike(Generic[Known]):
    """What is known of messages of one type, by the bytes around their raw contents.

    Bytes that are the same are read the same way, and lengths of contents are among them, so what is known
    may be anything that does not depend on the contents themselves.
    """

    def __init__(self, kind: type[Message], contents: str) -> None:
        """`contents` is the field of this kind of messages that has them."""
        self._kind: Any = kind
        self._contents = contents
        self._number: int = self._kind.DESCRIPTOR.fields_by_name[contents].number
        self._known: dict[int, list[tuple[Callable[[bytes], Any], tuple[bytes, ...], Known]]] = {}
        self._size = 0

    def find(self, message: bytes) -> tuple[Known, Sequence[bytes]] | None:
        """What is known of a serialized message, and its parts: every other one is a content."""
        for unpack, constants, known in self._known.get(len(message), ()):
            parts = unpack(message)
            if parts[::2] == constants:
                return known, parts
        return None

    def learn(self, message: bytes, known: Known) -> None:
        """Remember what is known of a serialized message that was not found."""
        if len(self._known.get(len(message), ())) >= MOST_ALIKE:
            return
        contents = getattr(self._kind.FromString(message), self._contents)
        # What is remembered of each costs more than its bytes.
        if len(contents) > MOST_CONTENTS:
            return
        constants = around(message, self._number, contents)
        size = sum(map(len, constants))
        if not constants or size > LONGEST or not self._ends_before(constants[0], contents):
            return
        if len(self._known) >= MOST_LENGTHS or self._size + size > MOST_BYTES:
            self._known.clear()
            self._size = 0
        lengths = chain.from_iterable(zip(map(len, constants), map(len, contents), strict=True))
        unpack = struct.Struct("".join([f"{length}s" for length in lengths])).unpack
        self._known.setdefault(len(message), []).append((unpack, constants, known))
        self._size += size

    def _ends_before(self, start: bytes, contents: Sequence[bytes]) -> bool:
        """Whether what precedes the contents is whole fields: what merely looks like contents may be within
        a field that we do not know, and rules would then see others than the model."""
        try:
            self._kind.FromString(start.removesuffix(header(self._number, len(contents[0]))))
        except DecodeError:
            return False
        return True
