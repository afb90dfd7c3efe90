"""F1 against its definition, counted answer by answer."""

import random
from collections import Counter

import numpy as np
import pytest

from services.feedback.figures import Labelled, newest, quality_of
from services.state import ids
from services.state.claims import UNITS
from services.state.confusion import LabelQuality, confusion
from services.state.labels import Pair, short
from services.state.rewards import WINDOW, place_of

LABELS = ("yes", "no", "maybe")


def by_definition(pairs: list[Pair], label: str) -> float | None:
    """From precision and recall."""
    hits = sum(one == Pair(label, label) for one in pairs)
    said, true = sum(one.predicted == label for one in pairs), sum(one.actual == label for one in pairs)
    if not said + true:
        return None
    precision, recall = hits / said if said else 0.0, hits / true if true else 0.0
    return 2 * precision * recall / (precision + recall) if hits else 0.0


@pytest.mark.parametrize("seed", range(20))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(seed: int) -> None:
    rng = random.Random(seed)
    known = LABELS[: rng.randrange(1, 4)]
    pairs = [Pair(rng.choice(known), rng.choice(known)) for _ in range(rng.randrange(1, 60))]
    counts = Counter(pairs)
    assert confusion(counts).quality("yes").f1 == pytest.approx(by_definition(pairs, "yes"))
    single = [by_definition(pairs, label) for label in {*known} if by_definition(pairs, label) is not None]
    wanted = np.mean([share for share in single if share is not None])
    assert confusion(counts).quality().f1 == pytest.approx(wanted)


def test_a_label_that_nobody_spoke_of_has_no_f1() -> None:
    assert confusion(Counter({Pair("no", "no"): 5})).quality("yes") == LabelQuality()
    assert confusion(Counter()).quality() == LabelQuality()


def window(ids_: list[str], units: list[int]) -> np.ndarray:
    packed = b"".join(
        place_of(one, 0) + value.to_bytes(4, "big") for one, value in zip(ids_, units, strict=True)
    )
    return np.frombuffer(packed, WINDOW)


def test_the_newest_thousand_labels_of_all_partitions_count() -> None:
    """1,500 labels over three partitions: the newest 1,000 by prediction were all right, the others wrong."""
    rng = random.Random(3)
    made = [ids.new_prediction_id(number % 3, 1.7e9 + number, rng) for number in range(1500)]
    units = [UNITS * (number >= 500) for number in range(1500)]
    # Codes 1 and 2 are labels: right answers said yes where it was yes, wrong ones no.
    codes = [1001 if right else 2001 for right in units]
    parts = [
        Labelled(window(made[k::3], units[k::3]), window(made[k::3], codes[k::3]), {1: "yes", 2: "no"})
        for k in range(3)
    ]
    found = quality_of(parts, "yes")
    assert (found.labels, found.accuracy, found.of_labels) == (1000, 1.0, LabelQuality(1.0, 1.0, 1.0))
    assert sum(len(kept) for kept in newest([part.shares for part in parts])) == 1000
    older = quality_of([Labelled(part.shares[:300], part.pairs[:300], part.names) for part in parts], "yes")
    assert older.labels == 900
    assert older.accuracy == pytest.approx(400 / 900)
    assert older.of_labels.f1 == pytest.approx(2 * 400 / (400 + 900))


def test_without_labels_nothing_is_said() -> None:
    assert quality_of([], "yes").accuracy is None


def test_long_labels_stay_distinct() -> None:
    assert short("a" * 100) != short("a" * 99 + "b")
