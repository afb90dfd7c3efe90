"""Whether many ids and times are as they should be, asked of all at once: in a tenth of the time.

Bytes are looked at side by side, in a table. Where it is not sure the answer is no; then one asks one by one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.state.moments import END, FIRST, NANOS

Bytes = NDArray[np.uint8]
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
SECONDS_TAG, NANOS_TAG, FOLLOWS = 0x08, 0x10, 0x80
DIGITS, NANOS_AT, LONGEST = 5, 6, 12
_WEIGHTS = 1 << 7 * np.arange(DIGITS)


def are_ids(given: Sequence[str]) -> bool:
    """Whether each is the id of a prediction, as `partition_of` takes it."""
    if set(map(len, given)) - {len(_PLACES)}:
        return False
    # Other characters are several bytes, of which none is of any kind.
    found = np.frombuffer("".join(given).encode("utf-8", "replace"), np.uint8)
    if found.size != len(given) * len(_PLACES):
        return False
    return bool((_BYTES[found.reshape(-1, len(_PLACES))] & _PLACES).all())


def are_moments(stamps: Sequence[bytes]) -> bool:
    """Whether each is the bytes of a Timestamp that `moment` takes, of 1978 or later, written as most writers
    do."""
    sizes = np.fromiter(map(len, stamps), np.int64, len(stamps))
    if not ((sizes == NANOS_AT) | (sizes > NANOS_AT + 1) & (sizes <= LONGEST)).all():
        return False
    table = np.array(stamps, f"S{LONGEST}").view(np.uint8).reshape(-1, LONGEST)
    follows = table >= FOLLOWS
    seconds, nanos = (_number(table[:, at : at + DIGITS]) for at in (1, NANOS_AT + 1))
    tagged = (table[:, 0] == SECONDS_TAG) & (table[:, NANOS_AT] == np.where(sizes > NANOS_AT, NANOS_TAG, 0))
    whole = follows[:, 1:DIGITS].all(axis=1) & ~follows[:, DIGITS] & (table[:, DIGITS] > 0)
    ends = np.arange(NANOS_AT + 1, LONGEST) < (sizes - 1)[:, np.newaxis]
    apart = (follows[:, NANOS_AT + 1 :] == ends).all(axis=1)
    within = (seconds >= FIRST) & (seconds < END) & (nanos < NANOS)
    return bool((tagged & whole & apart & within).all())


def _number(digits: Bytes) -> NDArray[np.int64]:
    """The number in each row, its least digit first."""
    found: NDArray[np.int64] = (digits & ~np.uint8(FOLLOWS)).astype(np.int64) @ _WEIGHTS
    return found
