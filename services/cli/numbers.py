"""Numbers and moments as words: the same in tables and in reports."""

import math
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

ABSENT = "–"
# Below it a p-value's digits tell nobody anything.
LEAST_P = 0.001


def given(message: Message, field: str) -> float | None:
    """The value of an optional field; None where it is absent."""
    return getattr(message, field) if message.HasField(field) else None


def number(value: float | None) -> str:
    """About three significant digits, without an exponent where one can do without.

    >>> [number(value) for value in (None, 0.0, 0.12345, 12.3456, 123456.0, 0.00001)]
    ['–', '0', '0.123', '12.3', '123,456', '1e-05']
    """
    if value is None:
        return ABSENT
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    size = abs(value)
    if size >= 1e15 or size < 1e-4:
        return f"{value:.2g}"
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if size >= 1 else f"{value:.3f}".rstrip("0") if size >= 0.0005 else f"{value:.1g}"


def score(value: float | None) -> str:
    """A PSI or a mean of such: three digits, all that their bands ask for.

    >>> score(0.12345), score(1e-9), score(None)
    ('0.123', '0.000', '–')
    """
    return ABSENT if value is None else f"{value:.3f}"


def p_value(value: float | None) -> str:
    """
    >>> p_value(0.04321), p_value(1e-9), p_value(None)
    ('0.043', '< 0.001', '–')
    """
    if value is None:
        return ABSENT
    return f"< {LEAST_P}" if value < LEAST_P else f"{value:.3f}"


def percent(share: float) -> str:
    """
    >>> percent(0.0), percent(0.0004), percent(0.1234), percent(1.0)
    ('0 %', '0.04 %', '12.3 %', '100 %')
    """
    if 0 < share < 0.001:
        return f"{share * 100:.2g} %"
    return f"{share * 100:.1f}".removesuffix(".0") + " %"


def moment(stamp: Timestamp) -> str:
    """A moment to the minute, UTC."""
    return at(stamp).strftime("%Y-%m-%d %H:%M")


def at(stamp: Timestamp) -> datetime:
    """The moment, in UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


def span(seconds: float) -> str:
    """A length of time in its two greatest units.

    >>> span(3600), span(90000), span(59), span(150)
    ('1 h', '1 d 1 h', '59 s', '2 min 30 s')
    """
    left, parts = round(seconds), list[str]()
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def plural(count: int, word: str) -> str:
    """
    >>> plural(1, "row"), plural(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def id_of(name: Any) -> str:
    """The last part of a resource's name."""
    return str(name).rpartition("/")[2]


def short(value: float) -> str:
    """A number for the axis of a picture.

    >>> short(1234567.0), short(0.25), short(-98765.0)
    ('1.23M', '0.25', '-98.8k')
    """
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size <= abs(value) < 1e15:
            return f"{value / (1e3 if letter == 'k' else size):.3g}{letter}"
    return number(value)
