"""What every statistic takes and gives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measurement:
    """A distance between two samples, and the evidence for it where the statistic is a test."""

    value: float
    p_value: float | None


def pair(reference: Counts, current: Counts) -> tuple[Counts, Counts] | None:
    """Both vectors, checked; None if a sample is empty. Raises ValueError on what cannot be counts."""
    reference, current = np.asarray(reference, dtype=np.int64), np.asarray(current, dtype=np.int64)
    if reference.ndim != 1 or reference.shape != current.shape:
        raise ValueError(
            f"counts must be two vectors of one length, got {reference.shape} and {current.shape}"
        )
    if (reference < 0).any() or (current < 0).any():
        raise ValueError("counts must not be negative")
    return (reference, current) if reference.sum() and current.sum() else None


def occupied(reference: Counts, current: Counts) -> tuple[Counts, Counts]:
    """Both vectors without the columns that are empty in both: they carry no evidence."""
    kept = (reference + current) > 0
    return reference[kept], current[kept]
