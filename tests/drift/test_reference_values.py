"""The room agrees with scipy wherever its conventions say that it does."""

from collections.abc import Mapping

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from services.drift.cells import freeze, learn
from services.drift.statistics import (
    Counts,
    chi_square,
    hellinger,
    jensen_shannon,
    ks,
    l_infinity,
    psi,
    wasserstein,
)
from tests.drift import reference
from tests.drift.reference import Case

CASES = reference.load()


def counted(case: Case) -> tuple[Counts, Counts]:
    if case.kind == "counts":
        return np.array(case.reference), np.array(case.current)
    if case.kind == "categorical":
        vocabulary = learn(case.reference)
        reference, current = vocabulary.count(case.reference), vocabulary.count(case.current)
        names = sorted(reference.unseen.keys() | current.unseen.keys())
        return vocabulary.row(reference, names), vocabulary.row(current, names)
    grid = freeze(numbers(case.reference))
    return grid.coarse(grid.count(numbers(case.reference))), grid.coarse(grid.count(numbers(case.current)))


def numbers(values: list[float | None]) -> list[float]:
    return [np.nan if value is None else value for value in values]


def assert_agrees(found: Mapping[str, float], case: Case) -> None:
    assert found == pytest.approx({name: case.values[name] for name in found}, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_psi_and_jensen_shannon_match_scipy(case: Case) -> None:
    left, right = counted(case)
    found, floored = psi.measure(left, right), psi.measure(left, right, epsilon=1e-4)
    distance = jensen_shannon.measure(left, right)
    if case.values["psi"] is None:
        assert found is None
        assert distance is None
        return
    assert found is not None
    assert floored is not None
    assert distance is not None
    measured = {
        "psi": found.value,
        "psi_eps1e-4": floored.value,
        "psi_null_mean": found.null_mean,
        "psi_null_q95": found.null_q95,
        "js_divergence_base2": distance.value,
        "js_distance_base2": distance.distance,
    }
    assert_agrees(measured, case)


@pytest.mark.parametrize("case", [c for c in CASES if "chi2_stat" in c.values], ids=lambda case: case.id)
def test_chi_square_matches_scipy_before_merging(case: Case) -> None:
    found = chi_square.measure(*counted(case), least_expected=0)
    assert found is not None
    assert_agrees({"chi2_stat": found.value, "chi2_p": found.p_value, "chi2_dof": found.freedom}, case)


@pytest.mark.parametrize("case", [c for c in CASES if "ks_stat" in c.values], ids=lambda case: case.id)
def test_exact_ks_matches_scipy_and_lies_in_the_bracket(case: Case) -> None:
    left, right = numbers(case.reference), numbers(case.current)
    found, grid = ks.exact(left, right), freeze(left)
    assert found is not None
    assert_agrees({"ks_stat": found.value, "ks_p": found.p_value}, case)

    before, after = grid.count(left), grid.count(right)
    bracket = ks.measure(grid.present(before), grid.present(after), grid.singletons)
    assert bracket is not None
    assert bracket.lower - 1e-12 <= found.value <= bracket.upper + 1e-12
    assert bracket.upper - bracket.lower <= grid.width + 1e-12
    # The p of the lower end must not claim more than the asymptotic p of the exact D does.
    if case.values["ks_p_asymp"] != "nan":
        assert bracket.p_value is not None
        assert bracket.p_value >= case.values["ks_p_asymp"] * (1 - 1e-9)


@pytest.mark.parametrize("case", [c for c in CASES if "hellinger" in c.values], ids=lambda case: case.id)
def test_hellinger_and_l_infinity_match_scipy(case: Case) -> None:
    left, right = counted(case)
    found, largest = hellinger.measure(left, right), l_infinity.measure(left, right)
    assert found is not None
    assert largest is not None
    assert_agrees({"hellinger": found.value, "l_infinity": largest.value}, case)


@pytest.mark.parametrize("case", [c for c in CASES if "wasserstein" in c.values], ids=lambda case: case.id)
def test_the_exact_wasserstein_distance_lies_within_the_margin(case: Case) -> None:
    left, right = (
        [value for value in numbers(side) if np.isfinite(value)] for side in (case.reference, case.current)
    )
    grid = freeze(left)
    counts = grid.present(grid.count(left)), grid.present(grid.count(right))
    found = wasserstein.measure(*counts, grid.places, grid.widths)
    closed = wasserstein.measure(*counts, grid.places, np.where(np.isinf(grid.widths), 0, grid.widths))
    assert found is not None
    assert closed is not None
    assert closed.margin is not None
    # What lies out of range counts as at its end, in which way it differs from scipy's on purpose.
    clipped = np.clip(right, min(left), max(left))
    exact, true = wasserstein_distance(left, clipped), case.values["wasserstein"]
    room = closed.margin + 1e-9 * max(exact, 1.0)
    assert abs(found.value - exact) <= room
    if np.array_equal(clipped, right):
        assert found.margin == closed.margin
        assert abs(found.value - true) <= room
    else:
        # Nobody knows by how much more; by no less.
        assert found.margin is None
        assert found.value - true <= room
