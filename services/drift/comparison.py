"""Features against their baseline: every statistic, from counts alone, of all of them in a few passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from services.drift.cells import Frame, Grid, Tally
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
    psi,
    quantile_bins,
    wasserstein,
)
from services.drift.statistics.chi_square import ChiSquare
from services.drift.statistics.counts import CountsPair, Pairs
from services.drift.statistics.jensen_shannon import JensenShannon
from services.drift.statistics.ks import Bracket
from services.drift.statistics.missingness import Missingness
from services.drift.statistics.psi import Psi
from services.drift.statistics.wasserstein import Wasserstein

# The fields of a comparison that are measured, in the order in which they are.
MEASURED = (
    "bins", "psi", "jensen_shannon", "hellinger", "l_infinity", "kullback_leibler", "ks", "wasserstein",
    "chi_square", "missingness",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was measured on a feature; a statistic is None where a sample is empty or it does not apply.

    bins: counts of the reference and the current sample on the coarse bins, or the categories of both.
    p_value: of the shift. Categories: chi-square. Numbers: Kolmogorov-Smirnov and chi-square on the PSI bins,
    the smaller one doubled (Bonferroni): the first misses a change of scale, the second a small shift.
    reference_rows, current_rows: values, missing ones included. reference_present, current_present: without.
    outside: current values out of the reference's range, or unseen categories; outside_p: the chance of so
    many numbers if nothing had changed.
    """

    bins: CountsPair
    psi: Psi | None
    jensen_shannon: JensenShannon | None
    hellinger: Measurement | None
    l_infinity: Measurement | None
    kullback_leibler: Measurement | None
    ks: Bracket | None
    wasserstein: Wasserstein | None
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

    @property
    def present(self) -> int:
        """Values in the smaller sample, without the missing ones."""
        return min(self.reference_present, self.current_present)


# Values of the reference and of the current sample.
Sides = tuple[int, int]


class Method(NamedTuple):
    """What a comparison can be told.

    epsilon: share of an empty bin of PSI; None for half a row. kullback_leibler: whether it is measured too.
    own_range: whether the frame's range is that of the reference sample.
    """

    epsilon: float | None = None
    kullback_leibler: bool = False
    own_range: bool = True


class Samples(NamedTuple):
    """A feature's two samples, counted on one frame."""

    frame: Frame
    reference: Tally
    current: Tally


def compare(frame: Frame, reference: Tally, current: Tally, method: Method | None = None) -> Comparison:
    """Measure `current` against `reference`, both counted on `frame`."""
    return compare_all([Samples(frame, reference, current)], method or Method())[0]


def compare_all(features: Sequence[Samples], method: Method) -> list[Comparison]:
    """Measure each feature, in the order given."""
    if not features:
        return []
    bins = _binned(features)
    pairs = Pairs.of(bins)
    present = list(zip(*(rows.tolist() for rows in pairs.rows), strict=True))
    absent = [(one.frame.absent(one.reference), one.frame.absent(one.current)) for one in features]
    nats = kullback_leibler.measure_many(pairs, method.epsilon) if method.kullback_leibler else None
    columns = zip(
        features,
        bins,
        psi.measure_many(pairs, method.epsilon),
        jensen_shannon.measure_many(pairs),
        hellinger.measure_many(pairs),
        l_infinity.measure_many(pairs),
        nats or [None] * len(features),
        *_ordered(features),
        _tested(features, bins, method.own_range),
        _missing(present, absent),
        strict=True,
    )
    return [
        _comparison(samples, method, dict(zip(MEASURED, found, strict=True)), there, gone)
        for (samples, *found), there, gone in zip(columns, present, absent, strict=True)
    ]


def _comparison(
    samples: Samples, method: Method, found: dict[str, Any], present: Sides, absent: Sides
) -> Comparison:
    """What was measured on a feature, with what follows from it."""
    frame, _, current = samples
    here, there = present
    tests, outside = (found["ks"], found["chi_square"]), frame.outside(current) if method.own_range else 0
    # A range is that of a sample of values; categories have none.
    ranged = method.own_range and isinstance(frame, Grid) and here and there
    return Comparison(
        **found,
        p_value=_bonferroni([one.p_value for one in tests if one is not None]),
        reference_rows=here + absent[0],
        current_rows=there + absent[1],
        reference_present=here,
        current_present=there,
        outside=outside,
        outside_p=out_of_range.chance(here, there, outside) if ranged else None,
        width=frame.width if isinstance(frame, Grid) else 0.0,
    )


def _binned(features: Sequence[Samples]) -> list[CountsPair]:
    """Both samples of each feature on the PSI bins, or on the categories of both."""
    return [
        (frame.coarse(left), frame.coarse(right)) if isinstance(frame, Grid) else frame.table(left, right)
        for frame, left, right in features
    ]


def _ordered(features: Sequence[Samples]) -> tuple[list[Bracket | None], list[Wasserstein | None]]:
    """What only numbers have: brackets and Wasserstein distances, None for categories."""
    brackets: list[Bracket | None] = [None] * len(features)
    moves: list[Wasserstein | None] = [None] * len(features)
    numbers = [(at, one, one.frame) for at, one in enumerate(features) if isinstance(one.frame, Grid)]
    if numbers:
        cells = Pairs.of(
            [(grid.present(one.reference), grid.present(one.current)) for _, one, grid in numbers]
        )
        singletons, places, widths = (
            np.concatenate([part(grid) for _, _, grid in numbers])
            for part in (attrgetter("singletons"), attrgetter("places"), attrgetter("widths"))
        )
        bracketed, moved = ks.measure_many(cells, singletons), wasserstein.measure_many(cells, places, widths)
        for (at, _, _), bracket, move in zip(numbers, bracketed, moved, strict=True):
            brackets[at], moves[at] = bracket, move
    return brackets, moves


def _tested(
    features: Sequence[Samples], bins: Sequence[CountsPair], own_range: bool
) -> list[ChiSquare | None]:
    """Bins cut at the reference's own quantiles have a test of their own, and are joined by the reference
    alone; a bin per value is a category like any other."""
    cut = [own_range and isinstance(one.frame, Grid) and not one.frame.few_values for one in features]
    tests: list[ChiSquare | None] = [None] * len(features)
    for quantiles in (True, False):
        places = [at for at, quantile in enumerate(cut) if quantile is quantiles]
        some = [chi_square.join_adjacent(*bins[at]) if quantiles else bins[at] for at in places]
        test = quantile_bins.measure_many if quantiles else chi_square.measure_many
        for at, found in zip(places, test(Pairs.of(some)) if some else (), strict=True):
            tests[at] = found
    return tests


def _missing(present: Sequence[Sides], absent: Sequence[Sides]) -> list[Missingness | None]:
    """Present against missing, per feature."""
    table = np.array([present, absent], dtype=np.int64)
    left, right = (table[:, :, side].ravel(order="F") for side in (0, 1))
    return missingness.measure_many(Pairs(left, right, np.arange(0, 2 * len(present), 2)))


def _bonferroni(p_values: list[float | None]) -> float | None:
    known = [p for p in p_values if p is not None]
    return min(1.0, len(known) * min(known)) if known else None
