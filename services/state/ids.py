"""Ids that order by time, and the 64 partitions that they lead to.

A prediction id is a UUIDv7 (RFC 9562): 48 bits of milliseconds, then 12 bits of the millisecond's fraction
(the RFC's method 3), so that the ids of one process order by time to a quarter of a microsecond and their
text orders like they do. The six bits after the variant hold the partition; 56 random bits follow.
"""

import random
import re
import struct
import zlib
from functools import lru_cache

from services.state.errors import BadPredictionId

# Fixed for ever: every key and every id of a deployment depends on it.
PARTITIONS = 64

_TICKS_PER_SECOND = 1000 << 12
_HALVES = struct.Struct(">QQ").pack
_SHAPE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_prediction_id(partition: int, now: float, rng: random.Random) -> str:
    """An id of a prediction made at `now` (seconds since 1970) in `partition`.

    >>> new_prediction_id(5, 1_700_000_000.5, random.Random(1))
    '018bcfe5-69f4-7000-8591-b7582265b1f5'
    """
    ticks = int(now * _TICKS_PER_SECOND)
    halves = _HALVES(
        (ticks >> 12) << 16 | 0x7000 | ticks & 0xFFF,
        (0x80 | partition) << 56 | rng.getrandbits(56),
    )
    # Groups of four digits; the first two are one of an id's, and so are the last three.
    digits = halves.hex("-", 2)
    return f"{digits[:4]}{digits[5:29]}{digits[30:34]}{digits[35:]}"


def new_uid(now: float, rng: random.Random) -> str:
    """An immutable uid for a router, model or process; it is never reused.

    >>> new_uid(1_700_000_000.5, random.Random(1))[:18]
    '018bcfe5-69f4-7000'
    """
    return new_prediction_id(rng.getrandbits(6), now, rng)


def partition_for(uid: str) -> int:
    """The partition that everything of a router or model lives in: the same in every process and language.

    >>> partition_for("018bcfe5-69f4-7000-8591-bc64f6d89c7c")
    33
    """
    return zlib.crc32(uid.encode()) % PARTITIONS


def partition_of(prediction_id: str) -> int:
    """The partition that a prediction was made in. Raises BadPredictionId for what is not such an id.

    >>> partition_of('018bcfe5-69f4-7000-8591-b7582265b1f5')
    5
    """
    return _read(prediction_id)[0]


def time_of(prediction_id: str) -> float:
    """When a prediction was made, in seconds since 1970, to a quarter of a microsecond.

    Raises BadPredictionId for what is not such an id.

    >>> time_of('018bcfe5-69f4-7000-8591-b7582265b1f5')
    1700000000.5
    """
    return _read(prediction_id)[1]


# Whoever asks once about a prediction asks several times, and one read of a stream brings 4,096 of them.
@lru_cache(8192)
def _read(prediction_id: str) -> tuple[int, float]:
    _check(prediction_id)
    # One number of both: each takes as long as the other.
    ticks = int(prediction_id[:8] + prediction_id[9:13] + prediction_id[15:18] + prediction_id[19:21], 16)
    return ticks & (PARTITIONS - 1), (ticks >> 8) / _TICKS_PER_SECOND


def minute_of(prediction_id: str) -> int:
    """Whole minutes since 1970 at which a prediction was made. Raises BadPredictionId."""
    return int(time_of(prediction_id) // 60)


def first_id_at(time: float) -> str:
    """Text that every id of `time` (seconds since 1970) or later is not less than.

    >>> first_id_at(1_700_000_000.5)
    '018bcfe5-69f4-7000'
    """
    ticks = int(time * _TICKS_PER_SECOND)
    return f"{ticks >> 28:08x}-{ticks >> 12 & 0xFFFF:04x}-7{ticks & 0xFFF:03x}"


def minute_at(id_or_bound: str) -> int:
    """Whole minutes since 1970 of an id, or of what `first_id_at` returned.

    >>> minute_at(first_id_at(1_700_000_000.5))
    28333333
    """
    return int(id_or_bound[:8] + id_or_bound[9:13], 16) // 60_000


def _check(prediction_id: str) -> None:
    if not _SHAPE.fullmatch(prediction_id):
        said = f"{prediction_id[:64]!r} is not a prediction id"
        raise BadPredictionId(
            said if prediction_id else "prediction_id is required",
            fields=[("prediction_id", "the id that a prediction's reply carried, a lower-case UUIDv7")],
            prediction_id=prediction_id[:64],
        )
