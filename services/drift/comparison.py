"""Features against their baseline: every statistic, from counts alone, of all of them in a few passes."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from services.drift.cells import Frame, Grid, Tally
from services.drift.reference import Reference
from services.drift.statistics import (
    Measurement,
    chi_square,
    hellinger,
    jensen_shannon,
    ks,
    kullback_leibler,
    l_infinity,
    missingness,
    out_of_range,
    pooled_bins,
    psi,
    quantile_bins,
    wasserstein,
)
from services.drift.statistics.chi_square import ChiSquare
from services.drift.statistics.counts import Floats, Pairs, Side
from services.drift.statistics.jensen_shannon import JensenShannon
from services.drift.statistics.ks import Bracket
from services.drift.statistics.missingness import Missingness
from services.drift.statistics.psi import Psi
from services.drift.statistics.wasserstein import Wasserstein

# Where the tests of a shift are among what is measured.
BRACKET, TESTED = 7, 9
NOTHING_MISSING = Missingness(0.0, 1.0, 0.0, 0.0)


class Comparison(NamedTuple):
    """What was measured on a feature; a statistic is None where a sample is empty or it does not apply.

    shares: of the reference and the current sample, on the coarse bins or the categories of both; 0 in an
    empty sample.
    p_value: of the shift. Categories: chi-square. Numbers: Kolmogorov-Smirnov and chi-square on the PSI bins,
    the smaller one doubled (Bonferroni): the first misses a change of scale, the second a small shift.
    reference_rows, current_rows: values, missing ones included. reference_present, current_present: without.
    outside: current values that surely lie out of the reference's range, or unseen categories; outside_p: the
    chance of so many numbers if nothing had changed. fullest: current values in the cell of a number that has
    most.
    """

    shares: tuple[Floats, Floats]
    psi: Psi | None
    jensen_shannon: JensenShannon | None
    hellinger: Measurement | None
    l_infinity: Measurement | None
    kullback_leibler: Measurement | None
    wasserstein: Wasserstein | None
    ks: Bracket | None
    chi_square: ChiSquare | None
    missingness: Missingness | None
    p_value: float | None
    reference_rows: int
    current_rows: int
    reference_present: int
    current_present: int
    outside: int
    outside_p: float | None
    width: float
    fullest: int

    @property
    def present(self) -> int:
        """Values in the smaller sample, without the missing ones."""
        return min(self.reference_present, self.current_present)

    @property
    def outside_share(self) -> float:
        """Share of the current values that lie outside."""
        return self.outside / self.current_present if self.current_present else 0.0


class Method(NamedTuple):
    """What a comparison can be told.

    epsilon: share of an empty bin of PSI; None for half a row. kullback_leibler: whether it is measured too.
    own_range: whether the frame's range is that of the reference sample.
    """

    epsilon: float | None = None
    kullback_leibler: bool = False
    own_range: bool = True


class Facts(NamedTuple):
    """Values that are missing and that are there, in the reference and in the current sample; how many of the
    latter lie outside, and in the fullest cell."""

    gone: int
    lost: int
    here: int
    there: int
    outside: int
    fullest: int


def compare(frame: Frame, reference: Tally, current: Tally, method: Method | None = None) -> Comparison:
    """Measure `current` against `reference`, both counted on `frame`."""
    return compare_all(Reference([(frame, reference)]), [current], method or Method())[0]


def compare_all(reference: Reference, current: Sequence[Tally], method: Method) -> list[Comparison]:
    """Measure each feature of the reference, in its order; `current` are their counts in the window."""
    if not current:
        return []
    tallies, nothing = reference.sorted(current), [None] * len(current)
    cells = reference.cells(tallies)
    pairs = reference.bins(tallies, cells)
    present = [rows.tolist() for rows in pairs.rows]
    each = zip(reference.frames, tallies, strict=True)
    absent = reference.absent, [frame.absent(tally) for frame, tally in each]
    outside = reference.outside(tallies, cells) if method.own_range else [0] * len(current)
    columns = zip(
        reference.frames,
        zip(*map(pairs.layout.slices, pairs.shares), strict=True),
        psi.measure_many(pairs, method.epsilon),
        jensen_shannon.measure_many(pairs),
        hellinger.measure_many(pairs),
        l_infinity.measure_many(pairs),
        kullback_leibler.measure_many(pairs, method.epsilon) if method.kullback_leibler else nothing,
        *_ordered(reference, cells, len(current)),
        _tested(reference, pairs, cells, method),
        _missing(present, absent),
        strict=True,
    )
    facts = zip(*absent, *present, outside, _fullest(cells, len(current)), strict=True)
    return reference.unsorted(
        [
            _comparison(frame, measured, Facts(*counted), method)
            for (frame, *measured), counted in zip(columns, facts, strict=True)
        ]
    )


def _comparison(frame: Frame, measured: Sequence[Any], facts: Facts, method: Method) -> Comparison:
    """What was measured on a feature, in the order of a comparison's fields, with what follows from it."""
    number, here, there = isinstance(frame, Grid), facts.here, facts.there
    tests = (one.p_value for one in measured[BRACKET:TESTED] if one is not None)
    # A range is that of a sample of values; categories have none.
    ranged = method.own_range and number and here and there
    outside_p = out_of_range.chance(here, there, facts.outside) if ranged else None
    width = frame.width if isinstance(frame, Grid) else 0.0
    rows = (here + facts.gone, there + facts.lost, here, there)
    return Comparison._make(
        (*measured, _bonferroni(tests), *rows, facts.outside, outside_p, width, facts.fullest)
    )


def _fullest(cells: Side | None, features: int) -> list[int]:
    """Values in each number's fullest cell; none for categories."""
    found = cells.layout.largest(cells.counts).tolist() if cells is not None else []
    return [*found, *[0] * (features - len(found))]


def _ordered(
    reference: Reference, cells: Side | None, features: int
) -> tuple[list[Wasserstein | None], list[Bracket | None]]:
    """What only numbers have: Wasserstein distances and brackets, None for categories."""
    line = reference.line
    if line is None or cells is None:
        return [None] * features, [None] * features
    pairs = Pairs(line.cells, cells)
    rest = [None] * (features - pairs.features)
    moves = wasserstein.measure_many(pairs, line.scale)
    return [*moves, *rest], [*ks.measure_many(pairs, line.singletons), *rest]


def _tested(reference: Reference, pairs: Pairs, cells: Side | None, method: Method) -> list[ChiSquare | None]:
    """Bins cut at the reference's own quantiles have a test of their own, and are joined by the reference
    alone; a bin per value is a category like any other. Crude cells of the reference have other bins."""
    tests: list[ChiSquare | None] = []
    quantiles = reference.quantiles if method.own_range else 0
    if quantiles:
        tests += quantile_bins.measure_many(chi_square.joined(pairs.part(0, quantiles)))
    if quantiles < pairs.features:
        tests += chi_square.measure_many(pairs.part(quantiles, pairs.features))
    if method.own_range and reference.crude and reference.line and cells:
        sides = [side.layout.slices(side.counts) for side in (reference.line.cells, cells)]
        crude = pooled_bins.measure_many([(sides[0][at], sides[1][at]) for at in reference.crude])
        for at, test in zip(reference.crude, crude, strict=True):
            tests[at] = test
    return tests


def _missing(present: Sequence[Sequence[int]], absent: Sequence[Sequence[int]]) -> list[Missingness | None]:
    """Present against missing, per feature."""
    sides = [list(zip(*side, strict=True)) for side in zip(present, absent, strict=True)]
    found: list[Missingness | None] = [
        NOTHING_MISSING if sum(before) and sum(after) else None for before, after in zip(*sides, strict=True)
    ]
    places = [at for at, gone in enumerate(zip(*absent, strict=True)) if any(gone)]
    if places:
        some = (np.array([side[at] for at in places], dtype=np.int64) for side in sides)
        tests = missingness.measure_many(Pairs.of(list(zip(*some, strict=True))))
        for at, test in zip(places, tests, strict=True):
            found[at] = test
    return found


def _bonferroni(p_values: Iterable[float]) -> float | None:
    known = list(p_values)
    return min(1.0, len(known) * min(known)) if known else None
