"""Metrics as values in [0, 1] of which more is better."""

import numpy as np

from services.feedback.sequential.seen import Floats


def to_unit(metric: Floats, low: float, high: float, more_is_better: bool = True) -> Floats:
    """A metric with the declared range [low, high]; a margin of it becomes margin / (high − low).

    Raises ValueError where something is outside, as a value cut short would move the mean unseen.

    >>> to_unit(np.array([0.0, 5.0]), 0.0, 20.0, more_is_better=False)
    array([1.  , 0.75])
    """
    if not low < high:
        raise ValueError(f"the range must go up, not from {low} to {high}")
    if not ((metric >= low) & (metric <= high)).all():
        raise ValueError(f"every value must lie in the declared range, from {low} to {high}")
    unit = (metric - low) / (high - low)
    return np.asarray(unit if more_is_better else 1.0 - unit)


def within(latencies: Floats, slo: float) -> Floats:
    """1 where a latency is at most the objective, else 0, also for NaN (no answer is no answer in time).

    A test of it is a test of the quantile: the share p of a arm's answers is within the objective if and
    only if its p-quantile is. Compare at the quantile that is wanted, as the baseline has it.

    >>> within(np.array([120.0, 310.0, np.nan]), 200.0)
    array([1., 0., 0.])
    """
    return np.asarray((latencies <= slo).astype(np.float64))
