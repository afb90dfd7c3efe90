"""Times that are read out of the bytes of many Timestamps at once are those that protobuf reads."""

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from services.drift.stamps import FEW, times_of

# Where a number begins to take one byte more, and times of other ages.
EDGES = [0, 1, 2**28 - 1, 2**28, 2**35 - 1, 2**35, 1_760_000_000, -1, -62_135_596_800, 253_402_300_799]
NANOS = [0, 1, 127, 128, 999_999_999]


@pytest.mark.parametrize("size", [0, 1, FEW - 1, FEW, 2_000])
def test_every_time_is_what_protobuf_reads(size: int) -> None:
    rng = np.random.default_rng(size)
    seconds = np.where(rng.random(size) < 0.5, rng.choice(EDGES, size), rng.integers(0, 2**34, size))
    stamps = [Timestamp(seconds=int(one), nanos=int(rng.choice(NANOS))) for one in seconds]
    assert times_of([one.SerializeToString() for one in stamps]).tolist() == seconds.tolist()


def test_what_other_writers_may_write_is_read_as_protobuf_has_it() -> None:
    wire = Timestamp(seconds=1_760_000_000, nanos=5).SerializeToString()
    odd = [
        b"",
        wire[6:] + wire[:6],
        wire + wire,
        b"\x1a\x01x" + wire,
        b"\x08\x80\x80\x80\x80\x00",
    ]
    stamps = [*odd, *[wire] * FEW]
    assert times_of(stamps).tolist() == [Timestamp.FromString(one).seconds for one in stamps]


@pytest.mark.parametrize("broken", [b"\x08\x80\x80\x80\x80", b"\x08", b"\xff\xff"])
@pytest.mark.parametrize("others", [0, FEW])
def test_what_is_no_time_is_refused(broken: bytes, others: int) -> None:
    with pytest.raises(DecodeError):
        times_of([broken, *[Timestamp(seconds=1_760_000_000).SerializeToString()] * others])
