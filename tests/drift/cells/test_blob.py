"""Profile blobs read back as they were written, or say clearly why not."""

import numpy as np
import pytest

from services.drift.cells import Tally, freeze, learn
from services.drift.cells.blob import FORMAT, Profile, UnreadableProfileError, decode, encode

GRID = freeze(np.random.default_rng(3).normal(size=5_000))
NAMES = learn(["a", "b"])
SIZES = [GRID.size, NAMES.size]


def profile(largest: int) -> Profile:
    tally = GRID.count(np.random.default_rng(4).normal(size=300), missing=largest)
    return Profile.of("17-3", 300, [tally, NAMES.count(["a", "ü", None])])


@pytest.mark.parametrize("largest", [0, 255, 256, 2**32 - 1, 2**40])
def test_a_profile_reads_back_as_written(largest: int) -> None:
    assert decode(encode(profile(largest)), SIZES) == profile(largest)


def test_a_quiet_minute_of_25_features_is_small() -> None:
    tallies = [GRID.count([0.0, 1.0]) for _ in range(25)]
    assert len(encode(Profile.of("1-1", 2, tallies))) < 7_000


def test_a_newer_format_is_refused() -> None:
    blob = encode(profile(1))
    newer = (FORMAT + 1).to_bytes(2, "little") + blob[2:]
    with pytest.raises(UnreadableProfileError, match=f"format {FORMAT + 1} is not known"):
        decode(newer, SIZES)


@pytest.mark.parametrize("cut", [0, 3, 20, -1])
def test_a_damaged_profile_is_refused(cut: int) -> None:
    with pytest.raises(UnreadableProfileError):
        decode(encode(profile(1))[:cut], SIZES)


def test_counts_of_other_features_are_refused() -> None:
    with pytest.raises(UnreadableProfileError, match="expected 10 counts of all features, got 264"):
        decode(encode(profile(1)), [10])


def test_profiles_add() -> None:
    double = profile(1).plus(profile(1), "18-0")
    assert double.rows == 600
    assert double.last_entry == "18-0"
    assert double.tallies(SIZES)[1] == Tally(profile(1).tallies(SIZES)[1].columns * 2, {"ü": 2})
