"""What is said of all of them at once is what is said of each."""

import random
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from services.foundation.errors import InvalidArgument
from services.state.ids import new_prediction_id, partition_of
from services.state.moments import END, NANOS, moment
from services.state.sound import are_ids, seconds_of

T = TypeVar("T")
NOW = 1_760_000_000
ID = new_prediction_id(7, NOW, random.Random(1))


def taken(check: Callable[[T], object], one: T) -> bool:
    try:
        check(one)
    except (InvalidArgument, DecodeError):
        return False
    return True


def test_ids_that_were_made_are_ids() -> None:
    rng = random.Random(2)
    made = [new_prediction_id(rng.randrange(64), rng.uniform(0, 2**37), rng) for _ in range(2_000)]
    assert are_ids([one.encode() for one in made])
    assert are_ids([])


@pytest.mark.parametrize("place", range(36))
def test_a_character_that_is_out_of_place_is_found_wherever_it_is(place: int) -> None:
    rng = random.Random(place)
    for other in "0789abcfgAF-_ \0\x7fé€🚂\ud800":
        wrong = ID[:place] + other + ID[place + 1 :]
        some = [ID] * 5
        some[rng.randrange(5)] = wrong
        given = [one.encode(errors="surrogatepass") for one in some]
        assert are_ids(given) == taken(partition_of, wrong), repr(other)


@pytest.mark.parametrize(
    "some",
    [
        [""],
        [ID, ""],
        [ID[:-1]],
        [ID + "0"],
        [ID + ID[0], ID[1:]],
        [ID[:-1], "0" + ID],
        [ID * 2],
        ["é" * 18],
        [ID, "é" * 18],
    ],
    ids=str,
)
def test_lengths_count_one_by_one(some: list[str]) -> None:
    assert not are_ids([one.encode() for one in some])


def moment_of(stamp: bytes) -> float:
    return moment(Timestamp.FromString(stamp), "time")


@pytest.mark.parametrize("seed", range(20))
def test_times_are_sure_only_where_each_is_taken(seed: int) -> None:
    rng = np.random.default_rng([71, seed])
    edges = [0, 2**28 - 1, 2**28, END - 1, END, 2**35 - 1, 2**35, -1, NOW]
    for _ in range(200):
        stamps = []
        for _ in range(int(rng.integers(1, 6))):
            seconds = int(rng.choice(edges) if rng.random() < 0.1 else rng.integers(2**28, END))
            nanos = int(rng.choice([0, 1, 127, 128, 2**14, 2**21, 2**28, NANOS - 1, NANOS, -1, 2**31 - 1]))
            if rng.random() < 0.9:
                nanos = int(rng.integers(NANOS))
            stamps.append(Timestamp(seconds=seconds, nanos=nanos).SerializeToString())
        usual = all(Timestamp.FromString(stamp).seconds >= 2**28 for stamp in stamps)
        found = seconds_of(stamps)
        assert (found is not None) == (usual and all(taken(moment_of, stamp) for stamp in stamps))
        if found is not None:
            assert found.tolist() == [Timestamp.FromString(stamp).seconds for stamp in stamps]
    assert seconds_of([]) is not None


def test_bytes_of_any_kind_are_never_sure_if_one_is_refused() -> None:
    rng, wire = random.Random(3), Timestamp(seconds=NOW, nanos=123_456_789).SerializeToString()
    sure = 0
    for _ in range(20_000):
        broken = bytearray(wire[: rng.choice([6, 7, 8, 10, len(wire)])])
        for _ in range(rng.randrange(3)):
            at = rng.randrange(len(broken) + 1)
            broken[at : at + rng.randrange(2)] = bytes((rng.choice([0, 1, 8, 0x10, 0x7F, 0x80, 0xFF]),))
        if seconds_of([wire, bytes(broken)]) is not None:
            sure += 1
            assert taken(moment_of, bytes(broken)), broken.hex()
    assert sure > 500
