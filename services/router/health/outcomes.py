"""Which outcomes say something about a model's health."""

from services.foundation.codes import CALLERS

ANSWERED = frozenset(("SERVED", "CONTRIBUTED", "DISCARDED"))

# A caller with little time must not condemn a model that never takes so little. A wait counts when nearly all
# answers come ten times sooner, or when the model had all the time that its registration gives it.
PATIENCE = 10.0
# Timers end a call a little early.
ALL_OF_IT = 0.95


def patience(timeout: float, p95: float | None) -> float:
    """Seconds of silence that are the model's own fault. `p95` is that of its recent answers, if it gave any.

    >>> [patience(2.0, p95) for p95 in (None, 0.01, 1.5)]
    [1.9, 0.1, 1.9]
    """
    longest = ALL_OF_IT * timeout
    return longest if p95 is None else min(longest, PATIENCE * p95)


def verdict(outcome: str, code: str, waited: float, patient: float) -> bool | None:
    """True for an answer, False for a failure of the model, None for what says nothing about it.

    `outcome` is a participant's, without its prefix; `code` a canonical status name; `waited` in seconds.
    Nothing is said by a caller who left, by a limit of ours (DROPPED), by who was not asked (SKIPPED), by an
    input that the model refuses, and by a deadline that was spent before the model had its time.
    """
    if outcome in ANSWERED:
        return True
    if outcome == "TIMED_OUT":
        return False if waited >= patient else None
    if outcome == "FAILED" and code not in CALLERS:
        return False
    return None
