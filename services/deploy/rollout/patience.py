"""How long to wait before asking an API server again."""

FIRST_SECONDS = 0.25
LONGEST_SECONDS = 30.0
# A server in trouble may ask for more patience than whoever is woken at night has.
LONGEST_ASKED = 120.0


def pause(failures: int, retry_after: float | None, u: float) -> float:
    """Seconds to wait after so many failures in a row; `u` is uniform on [0, 1).

    Never less than what the server asked for; beyond that half of the wait is chance, so that those who were
    sent away together do not come back together.

    >>> [pause(failures, None, 0.5) for failures in (1, 2, 3, 50)]
    [0.1875, 0.375, 0.75, 22.5]
    >>> pause(1, 7.0, 0.5)
    7.1875
    """
    grown = min(FIRST_SECONDS * 2.0 ** min(failures - 1, 16), LONGEST_SECONDS)
    return min(retry_after or 0.0, LONGEST_ASKED) + grown * (0.5 + u / 2)
