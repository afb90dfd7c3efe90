"""One value in several spellings: numbers as texts, and numbers and truths as names of categories.

Programs do not agree on them: a postal code is 12345 in JSON and "12345" in CSV, and true is True in what
pandas writes. What a feature's baseline says of its kind decides how a value is read.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from services.drift.cells import Vocabulary

TRUTHS = {"false": "0", "true": "1"}
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")
# Vocabularies whose spellings are kept: some 100 bytes for each of at most 1,000 names.
MOST_KEPT = 256
# From here on a number does not know its last digit.
LONGEST = 1e17


def number_of(text: str) -> float | None:
    """The finite number that a text is, be it true or false; None where it is none.

    >>> number_of("3.50"), number_of("True"), number_of("1_000"), number_of("nan"), number_of("")
    (3.5, 1.0, None, None, None)
    """
    # Python reads 1_000 as a number, and people mean a name by it.
    if "_" in text:
        return None
    try:
        number = float(TRUTHS.get(text.lower(), text))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def name_of(number: float) -> str:
    """The name of a category that a number is; empty where it is not finite.

    >>> name_of(12345.0), name_of(-0.5), name_of(float("nan"))
    ('12345', '-0.5', '')
    """
    if not math.isfinite(number):
        return ""
    whole = number.is_integer() and abs(number) < LONGEST
    # Adding zero turns -0.0 into 0.0, as counting numbers does.
    return f"{number + 0.0:.0f}" if whole else repr(number)


def segment_value(value: str) -> str:
    """The value of a segment in one spelling: truths in small letters, as routers and Parquet have them.

    >>> segment_value("True"), segment_value("FALSE"), segment_value("Truer")
    ('true', 'false', 'Truer')
    """
    small = value.lower()
    return small if small in TRUTHS else value


def is_of(given: str | None, value: str) -> bool:
    """Whether traffic with that value of a segment, None where it has none, is of the one that is spelt so.

    >>> is_of("True", "true"), is_of("x", "X"), is_of(None, "true")
    (True, False, False)
    """
    return given == value or (value in TRUTHS and given is not None and given.lower() == value)


def respelt(names: Mapping[str, int], known: Vocabulary) -> Counter[str]:
    """Counts by name, each name as the vocabulary spells it, if it has it in any spelling.

    >>> respelt({"1": 2, "1.0": 1, "x": 1}, Vocabulary(("0.0", "1.0")))
    Counter({'1.0': 3, 'x': 1})
    """
    spelt = _spellings(known)
    found: Counter[str] = Counter()
    for name, count in names.items():
        found[spelt.get(name) or spelt.get(_plain(name), name)] += count
    return found


@lru_cache(MOST_KEPT)
def _spellings(known: Vocabulary) -> Mapping[str, str]:
    """The names by themselves, and by their plain spellings."""
    spelt = {name: name for name in known.names}
    for name in known.names:
        spelt.setdefault(_plain(name), name)
    plain = {_plain(name) for name in known.names}
    for aliases in (TRUTHS, {number: truth for truth, number in TRUTHS.items()}):
        # Only where nothing else is among them: of more categories than two, 1 is not true.
        if plain <= aliases.keys():
            spelt |= {alias: spelt[name] for name, alias in aliases.items() if name in plain}
    return spelt


def _plain(name: str) -> str:
    """A whole number without a fraction, a truth in small letters; others as they are."""
    if name.lower() in TRUTHS:
        return name.lower()
    whole = _WHOLE.fullmatch(name)
    return whole[1] if whole else name
