"""Whether a column is of numbers or of names, by the look of its first values."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.drift.uploading.wishes import Kind

# What files write for a number that is not there: the words that pandas reads so, and some of older files.
MISSING_NUMBERS = frozenset(
    (
        "NA",
        "N/A",
        "n/a",
        "<NA>",
        "#N/A",
        "null",
        "NULL",
        "None",
        "none",
        "nil",
        "missing",
        "-",
        "--",
        "?",
        ".",
    )
)
# A few words among many numbers stand for missing ones; more of them, or more often, and they are names.
MOST_WORDS, MOST_WORDY, SLIPS = 3, 0.1, 0.01
# A name of a category; longer ones are texts, of which each is another.
LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class Look:
    """What the first values say: the kind, None for a column to leave out; why; and which words are taken for
    missing numbers beside MISSING_NUMBERS."""

    kind: Kind | None
    reason: str
    words: frozenset[str] = frozenset()


def look(cells: Sequence[Any], missing: frozenset[str] | None = None) -> Look:
    """The kind that the cells look like: None is an empty cell; `missing`: words that the header says are
    missing."""
    absent = missing or frozenset()
    present = [cell for cell in cells if cell is not None and not (isinstance(cell, str) and cell in absent)]
    if not present:
        return Look(None, f"it has no value in the first {len(cells):,} rows")
    if any(isinstance(cell, list | dict) for cell in present):
        return Look(None, "its values are lists or objects")
    if any(isinstance(cell, str) and len(cell) > LONGEST_NAME for cell in present):
        return Look(None, f"it is text: a value has more than {LONGEST_NAME} characters")
    if all(isinstance(cell, bool) for cell in present):
        return Look(Kind.CATEGORICAL, "its values are true and false")
    usual = missing if missing is not None else MISSING_NUMBERS
    words = Counter(str(cell) for cell in present if number_of(cell) is None and cell not in usual)
    return _judged(words, sum(number_of(cell) is not None for cell in present))


def _judged(words: Counter[str], numbers: int) -> Look:
    total = numbers + words.total()
    if numbers and not words:
        return Look(Kind.NUMERIC, f"its first {numbers:,} values are numbers")
    # A word that comes once is a slip of that row, which is refused.
    slips = sum(count == 1 for count in words.values())
    usual = frozenset(word for word, count in words.items() if count > 1)
    few = len(usual) <= MOST_WORDS and slips <= SLIPS * total and words.total() <= MOST_WORDY * total
    if numbers and few:
        reason = f"{numbers:,} of its first {total:,} values are numbers"
        said = ", ".join(map(repr, sorted(usual)))
        return Look(Kind.NUMERIC, reason + (f"; {said} is taken for missing" if usual else ""), usual)
    if not words:
        return Look(None, "its only values are words for missing ones")
    example = words.most_common(1)[0][0][:40]
    return Look(
        Kind.CATEGORICAL,
        f"{words.total():,} of its first {total:,} values are no numbers, such as {example!r}",
    )


def number_of(cell: Any) -> float | None:
    """The cell as a number; None where it is none."""
    # Python reads 1_000 as a number, and files mean a name by it.
    if isinstance(cell, str) and "_" in cell:
        return None
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
