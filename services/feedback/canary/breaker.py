"""The hard breaker: a canary that mostly fails goes at once, without waiting for evidence."""

from services.feedback.canary.findings import Recent

# A canary that fails one call in 20 fails 10 or more of 20 once in 80 million times.
LEAST_FAILURES = 10
# And mostly: a canary worse than that is of use to nobody, whatever its labels say.
SHARE = 0.5


def tripped(recent: Recent) -> bool:
    """Whether most of the canary's latest predictions failed while the baseline's did not.

    Where the baseline fails half as often or more, something else is broken, and going back would not help.

    >>> tripped(Recent(20, 11, 180, 0)), tripped(Recent(20, 9, 180, 0)), tripped(Recent(20, 20, 180, 150))
    (True, False, False)
    """
    if recent.failures < LEAST_FAILURES or recent.failures <= SHARE * recent.calls:
        return False
    share = recent.failures / recent.calls
    return recent.baseline_failures * 2 < share * max(recent.baseline_calls, 1)
