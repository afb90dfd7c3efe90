"""Whether many ids and times are as they should be, asked of all at once: in a tenth of the time.

Bytes are looked at side by side, in a table. Where it is not sure the answer is no; then one asks one by one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.state.moments import END, NANOS

Word = np.uint64
Words = NDArray[Word]
Seconds = NDArray[np.int64]
# What a byte of an id may be, and what it is at each place: 01a20767-9104-7d63-a54f-a06924eea7f6.
HEX, DASH, VERSION, VARIANT = 1, 2, 4, 8
_KINDS = {HEX: b"0123456789abcdef", DASH: b"-", VERSION: b"7", VARIANT: b"89ab"}
_BYTES = np.zeros(256, np.uint8)
for _kind, _some in _KINDS.items():
    _BYTES[list(_some)] |= _kind
_PLACES = np.full(36, HEX, np.uint8)
_PLACES[[8, 13, 18, 23]], _PLACES[14], _PLACES[19] = DASH, VERSION, VARIANT
# A Timestamp as writers of protobuf have it: a tag and five bytes of seconds, then, unless there are none, a
# tag and one to five bytes of nanoseconds. Seven bits in a byte, the eighth says that another one follows.
SHORTEST, LONGEST = 6, 12
_TABLE = np.dtype([("head", "<u8"), ("tail", "<u4")])
# By the size: both tags with the eighth bits of the seconds, and those of the nanoseconds. 1 stands for none.
_FIXED, _TAGS, _FOLLOWS = Word(0xFF_80_80_80_80_80_FF), np.ones(LONGEST + 1, Word), np.ones(LONGEST + 1, Word)
_TAGS[SHORTEST], _FOLLOWS[SHORTEST] = 0x00_00_80_80_80_80_08, 0
for _size in range(SHORTEST + 2, LONGEST + 1):
    _TAGS[_size] = 0x10_00_80_80_80_80_08
    _FOLLOWS[_size] = sum(0x80 << 8 * digit for digit in range(_size - SHORTEST - 2))
_EIGHTHS, _LAST = Word(0x80_80_80_80_80), Word(0x7F << 40)


def are_ids(given: Sequence[bytes]) -> bool:
    """Whether each is the id of a prediction in UTF-8, as `partition_of` takes it."""
    if set(map(len, given)) - {len(_PLACES)}:
        return False
    # Of other characters, which are several bytes, none is of any kind.
    found = np.frombuffer(b"".join(given), np.uint8)
    return bool((_BYTES[found.reshape(-1, len(_PLACES))] & _PLACES).all())


def seconds_of(stamps: Sequence[bytes]) -> Seconds | None:
    """Whole seconds since 1970 of each, where each is the bytes of a Timestamp that `moment` takes, of 1978
    or later, written as most writers do; None where that is not sure."""
    sizes = np.fromiter(map(len, stamps), np.intp, len(stamps))
    if sizes.max(initial=0) > LONGEST:
        return None
    table = np.array(stamps, f"S{LONGEST}").view(_TABLE)
    head = table["head"]
    rest = head >> Word(56) | table["tail"].astype(Word) << Word(8)
    sound = (head & _FIXED == _TAGS[sizes]) & (head & _LAST > 0) & (rest & _EIGHTHS == _FOLLOWS[sizes])
    seconds = number_of(head >> Word(8))
    if not (sound & (seconds < END) & (number_of(rest) < NANOS)).all():
        return None
    return seconds.astype(np.int64)


def number_of(digits: Words) -> Words:
    """The number that the first five bytes of each word are, seven bits in a byte, the least first."""
    pairs = digits & Word(0x7F_00_7F_00_7F) | (digits & Word(0x7F_00_7F_00)) >> Word(1)
    found: Words = (
        pairs & Word(0x3FFF) | (pairs & Word(0x3FFF << 16)) >> Word(2) | pairs >> Word(4) & Word(0x7F << 28)
    )
    return found
