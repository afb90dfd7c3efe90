"""Data that people measured, split by who they are: drift is found where it is, and none where it is not.

The longer story, of years and labels, is `make story-drift`.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

from services.drift.analysis import Finding, analyse
from services.drift.cells.blob import Profile
from services.drift.verdict import Level
from tests.drift.proofs.path import baseline_of

Table = dict[str, NDArray[np.float64]]


def frame(bunch: Any) -> tuple[Table, NDArray[np.int64]]:
    """Columns by name, without those of one value, and the group of each row."""
    names = [str(name) for name in bunch.feature_names]
    columns = dict(zip(names, np.asarray(bunch.data).T, strict=True))
    return {name: column for name, column in columns.items() if np.unique(column).size > 1}, bunch.target


def compared(columns: Table, reference: NDArray[np.bool_], window: NDArray[np.bool_]) -> Finding:
    """The rows of one group against those of another."""
    baseline = baseline_of({name: column[reference].tolist() for name, column in columns.items()}, {})
    tallies = [feature.frame.count(columns[feature.name][window]) for feature in baseline.features]
    return analyse(baseline, Profile.of("1-0", int(window.sum()), tallies))


def drifting(found: Finding) -> set[str]:
    return {one.feature.name for one in found.features if one.verdict.decision is Level.ALERT}


def test_malignant_cells_are_another_population_than_benign_ones() -> None:
    columns, benign = frame(load_breast_cancer())
    found = compared(columns, benign == 1, benign == 0)
    assert {"mean radius", "mean area", "mean concavity", "worst perimeter"} <= drifting(found)
    # Those that every study of these data finds to tell the groups apart best stand first.
    strongest = {"worst perimeter", "worst radius", "worst area", "worst concave points"}
    assert {one.feature.name for one in found.features[:5]} & strongest


def test_a_wine_of_another_grower_is_told_by_its_proline() -> None:
    columns, grower = frame(load_wine())
    found = compared(columns, grower == 1, grower == 0)
    assert found.status is Level.ALERT
    assert {"proline", "alcohol", "color_intensity"} <= drifting(found)


def test_another_digit_lights_other_pixels() -> None:
    columns, digit = frame(load_digits())
    found = compared(columns, digit == 0, digit == 1)
    assert found.status is Level.ALERT
    # The middle of a nought is empty, and a one is drawn through it.
    assert {"pixel_3_3", "pixel_3_4", "pixel_4_4"} & drifting(found)


@pytest.mark.parametrize("load", [load_breast_cancer, load_diabetes, load_digits])
def test_halves_drawn_at_random_are_one_population(load: Any) -> None:
    columns, _ = frame(load())
    rows = len(next(iter(columns.values())))
    half = np.random.default_rng(4).permutation(rows) < rows // 2
    found = compared(columns, half, ~half)
    assert not drifting(found)
    assert found.status is Level.OK


def test_women_and_men_differ_in_what_the_diabetes_study_measured_of_them() -> None:
    columns, _ = frame(load_diabetes())
    first = columns["sex"] < 0
    found = compared({name: column for name, column in columns.items() if name != "sex"}, first, ~first)
    significant = {one.feature.name for one in found.features if one.verdict.significant}
    assert {"s3", "s4"} <= significant  # HDL, and total cholesterol over HDL
