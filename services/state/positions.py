"""Ids of stream entries, as texts and as numbers that compare."""

START = "0-0"


def order(position: str) -> tuple[int, int]:
    """A stream id as numbers that compare; an empty one comes before all.

    >>> order("1700000000000-2") > order("999-10") > order("999-9") > order("")
    True
    """
    milliseconds, _, sequence = position.partition("-")
    return int(milliseconds or 0), int(sequence or 0)


def time_at(position: str) -> float:
    """When the entry was appended by the server's clock, in seconds since 1970.

    >>> time_at("1700000000500-0")
    1700000000.5
    """
    return order(position)[0] / 1000
