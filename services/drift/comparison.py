"""One feature against its baseline: every statistic, from counts alone."""

from dataclasses import dataclass

import numpy as np

from services.drift.cells import Frame, Grid, Tally
from services.drift.statistics import (
    Counts,
    Measurement,
    chi_square,
    hellinger,
    jensen_shannon,
    ks,
    l_infinity,
    missingness,
    psi,
    wasserstein,
)
from services.drift.statistics.chi_square import ChiSquare
from services.drift.statistics.jensen_shannon import JensenShannon
from services.drift.statistics.ks import Bracket
from services.drift.statistics.missingness import Missingness
from services.drift.statistics.psi import Psi
from services.drift.statistics.wasserstein import Wasserstein


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was measured on a feature; a statistic is None where a sample is empty or it does not apply.

    p_value: of the shift. Categories: chi-square. Numbers: Kolmogorov-Smirnov and chi-square on the PSI bins,
    the smaller one doubled (Bonferroni): the first misses a change of scale, the second a small shift.
    reference_rows, current_rows: values, missing ones included. present: the smaller sample's, without them;
    current_present: the window's.
    outside: current values out of the baseline's range, or unseen categories.
    """

    psi: Psi | None
    ks: Bracket | None
    chi_square: ChiSquare | None
    jensen_shannon: JensenShannon | None
    hellinger: Measurement | None
    l_infinity: Measurement | None
    wasserstein: Wasserstein | None
    missingness: Missingness | None
    p_value: float | None
    reference_rows: int
    current_rows: int
    present: int
    current_present: int
    outside: int
    width: float


def compare(frame: Frame, reference: Tally, current: Tally) -> Comparison:
    """Measure `current` against `reference`, both counted on `frame`."""
    if isinstance(frame, Grid):
        left, right = frame.coarse(reference), frame.coarse(current)
        cells = frame.present(reference), frame.present(current)
        bracket = ks.measure(*cells, frame.singletons)
        moved = wasserstein.measure(*cells, frame.places, frame.widths)
        test, width = _test_bins(frame, left, right), frame.width
    else:
        left, right = frame.table(reference, current)
        bracket, moved, test, width = None, None, chi_square.measure(left, right), 0.0
    return Comparison(
        psi=psi.measure(left, right),
        ks=bracket,
        chi_square=test,
        jensen_shannon=jensen_shannon.measure(left, right),
        hellinger=hellinger.measure(left, right),
        l_infinity=l_infinity.measure(left, right),
        wasserstein=moved,
        missingness=missingness.measure(
            np.array([left.sum(), frame.absent(reference)]), np.array([right.sum(), frame.absent(current)])
        ),
        p_value=_bonferroni([found.p_value for found in (bracket, test) if found is not None]),
        reference_rows=reference.rows,
        current_rows=current.rows,
        present=int(min(left.sum(), right.sum())),
        current_present=int(right.sum()),
        outside=frame.outside(current),
        width=width,
    )


def _test_bins(grid: Grid, reference: Counts, current: Counts) -> ChiSquare | None:
    """Quantile bins are joined by the reference alone; a bin per value is a category like any other."""
    if grid.few_values:
        return chi_square.measure(reference, current)
    return chi_square.measure(*chi_square.join_adjacent(reference, current), least_expected=0)


def _bonferroni(p_values: list[float | None]) -> float | None:
    known = [p for p in p_values if p is not None]
    return min(1.0, len(known) * min(known)) if known else None
