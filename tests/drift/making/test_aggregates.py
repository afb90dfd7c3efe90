"""Counts that somebody made elsewhere become a baseline if they add up, over a real channel."""

from typing import Any

import numpy as np
import pytest
from turnout.drift.v1 import baseline_pb2
from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from services.drift.cells import Grid, Tally, freeze, regrid
from services.drift.comparison import compare
from services.drift.wire import read_baseline
from services.foundation.errors import RemoteError
from tests.drift.conftest import Ask

RNG = np.random.default_rng(30)
SAMPLE = RNG.normal(size=5_000)
HISTOGRAM = np.histogram(SAMPLE, bins=40)


def of(**changes: Any) -> rpc.CreateBaselineRequest:
    counts, edges = HISTOGRAM
    given: dict[str, Any] = {
        "rows": 5_010,
        "numeric": {
            "x": rpc.NumericAggregate(edges=edges, counts=counts, missing=4, nan=3, positive_infinity=3)
        },
        "categorical": {
            "plan": rpc.CategoricalAggregate(counts={"a": 3_000, "b": 2_000}, other=7, missing=3)
        },
    }
    return rpc.CreateBaselineRequest(model="churn", aggregates=rpc.Aggregates(**given | changes))


async def test_counts_become_a_baseline(ask: Ask, model: Model) -> None:
    made = (await ask("CreateBaseline", of())).baseline
    assert (made.rows, made.source) == (5_010, baseline_pb2.BASELINE_SOURCE_AGGREGATES)
    plan, x = made.features
    assert (list(plan.categories), list(plan.counts)) == (["a", "b"], [3_000, 2_000])
    assert (plan.other, plan.missing) == (7, 3)
    np.testing.assert_array_equal(x.edges, HISTOGRAM[1])
    np.testing.assert_array_equal(x.counts, [0, *HISTOGRAM[0], 0])
    assert (x.missing, x.nan, x.positive_infinity) == (4, 3, 3)
    assert any("has a cell of several values with" in said for said in made.warnings)
    assert (await ask("GetActiveBaseline", rpc.GetActiveBaselineRequest(model="churn"))).baseline == made


async def test_psi_by_a_fine_histogram_is_about_that_of_the_rows(ask: Ask, model: Model) -> None:
    counts, edges = np.histogram(SAMPLE, bins=200)
    fine = {"x": rpc.NumericAggregate(edges=edges, counts=counts)}
    made = (await ask("CreateBaseline", of(rows=5_000, numeric=fine, categorical={}))).baseline
    (feature,) = read_baseline(made).features
    grid = freeze(SAMPLE)
    assert isinstance(feature.frame, Grid)
    shifted = RNG.normal(0.4, 1, 4_000)
    by_rows = compare(grid, grid.count(SAMPLE), grid.count(shifted)).psi
    by_counts = compare(feature.frame, feature.tally, feature.frame.count(shifted)).psi
    assert by_rows
    assert by_counts
    # A decile lies within a cell: each of the ten bins may be off by the mass of one, some 2 % here.
    assert by_counts.value == pytest.approx(by_rows.value, rel=0.15)


def test_bins_are_unions_of_cells_and_hold_a_tenth_or_so() -> None:
    counts = RNG.integers(0, 50, 200)
    grid = regrid(np.arange(199.0), counts)
    shares = grid.coarse(Tally(np.append(counts, [0] * 4))) / counts.sum()
    assert len(shares) == 10
    assert (np.diff(grid.bins) >= 0).all()
    assert np.abs(shares - 0.1).max() <= 2 * counts.max() / counts.sum()


def test_a_heavy_cell_is_a_bin_of_its_own() -> None:
    counts = np.array([0, *[10] * 20, 500, *[10] * 20, 0])
    grid = regrid(np.arange(len(counts) - 1.0), counts)
    assert np.count_nonzero(grid.bins == grid.bins[21]) == 1


def test_ten_cells_are_ten_bins_and_what_is_beyond_another() -> None:
    grid = regrid(np.arange(11.0), np.array([0, *[10] * 10, 0]))
    assert grid.bins.tolist() == [10, *range(10), 10]


X = "aggregates.numeric['x']"
WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "no features": ({"numeric": {}, "categorical": {}}, "aggregates", "has 0 features"),
    "no rows": ({"rows": 0}, "aggregates.rows", "must be 1 to"),
    "rows that are others": ({"rows": 5_011}, f"{X}.counts", "add up to 5,010 .* aggregates.rows is 5,011"),
    "no name": ({"categorical": {"": rpc.CategoricalAggregate()}}, "aggregates", "without a name"),
    "given twice": (
        {"categorical": {"x": rpc.CategoricalAggregate()}},
        "aggregates.categorical['x']",
        "is numeric as well",
    ),
}
NUMERIC: dict[str, tuple[dict[str, Any], str, str]] = {
    "one edge": ({"edges": [1.0], "counts": [5, 5]}, "edges", "must be 2 to 255 numbers, got 1"),
    "256 edges": ({"edges": list(range(256)), "counts": [1] * 257}, "edges", "got 256"),
    "edges out of order": (
        {"edges": [1.0, 3.0, 2.0], "counts": [5, 5]},
        "edges[2]",
        "above 3, got 2",
    ),
    "an edge twice": ({"edges": [1.0, 1.0], "counts": [10]}, "edges[1]", "must be above 1, got 1"),
    "an edge that is none": ({"edges": [1.0, float("nan")], "counts": [10]}, "edges", "finite"),
    "an open edge": ({"edges": [1.0, float("inf")], "counts": [10]}, "edges", "open by themselves"),
    "too few counts": (
        {"edges": [1.0, 2.0, 3.0], "counts": [10]},
        "counts",
        "4 with open ends or 2 without",
    ),
    "counts below 0": (
        {"edges": [1.0, 2.0], "counts": [-1, 11, 0]},
        "counts",
        "must not be negative, got -1",
    ),
    "missing below 0": ({"edges": [1.0, 2.0], "counts": [11], "missing": -1}, "missing", "got -1"),
    "nothing counted": ({"edges": [1.0, 2.0], "counts": [0], "missing": 10}, "counts", "at least one row"),
}
CATEGORICAL: dict[str, tuple[dict[str, Any], str, str]] = {
    "no name": ({"counts": {"": 10}}, "counts", "has an empty name"),
    "too many": ({"counts": {str(n): 1 for n in range(1_001)}}, "counts", "give the 1,000 most frequent"),
    "counts below 0": ({"counts": {"a": -1, "b": 11}}, "counts", "must not be negative"),
    "other below 0": ({"counts": {"b": 11}, "other": -1}, "other", "must not be negative"),
    "nothing counted": ({"counts": {"b": 0}, "other": 10}, "counts", "at least one row"),
}
for _name, (_given, _field, _words) in NUMERIC.items():
    _one = {"rows": 10, "categorical": {}, "numeric": {"x": rpc.NumericAggregate(**_given)}}
    WRONG[f"numeric: {_name}"] = (_one, f"{X}.{_field}", _words)
for _name, (_given, _field, _words) in CATEGORICAL.items():
    _one = {"rows": 10, "numeric": {}, "categorical": {"x": rpc.CategoricalAggregate(**_given)}}
    WRONG[f"categorical: {_name}"] = (_one, f"aggregates.categorical['x'].{_field}", _words)


@pytest.mark.parametrize("name", WRONG)
async def test_what_does_not_add_up_is_refused(ask: Ask, model: Model, name: str) -> None:
    changes, field, words = WRONG[name]
    with pytest.raises(RemoteError, match=words) as refused:
        await ask("CreateBaseline", of(**changes))
    assert refused.value.code == "INVALID_ARGUMENT"
    assert field in [one.field for one in refused.value.fields]


async def test_one_source_is_enough(ask: Ask, model: Model) -> None:
    request = of()
    request.window.start_time.FromSeconds(1)
    with pytest.raises(RemoteError, match="aggregates and window are given together") as refused:
        await ask("CreateBaseline", request)
    assert [one.field for one in refused.value.fields] == ["aggregates", "window"]


async def test_importance_is_of_features(ask: Ask, model: Model) -> None:
    request = of()
    request.importance["y"] = 1
    with pytest.raises(RemoteError, match=r"importance\['y'\] is no feature; the features are plan, x"):
        await ask("CreateBaseline", request)


async def test_the_signature_holds_for_counts_too(ask: Ask, typed: Model) -> None:
    request = of()
    request.model = "typed"
    with pytest.raises(RemoteError, match="has 'x', no feature of the model's signature"):
        await ask("CreateBaseline", request)


async def test_what_lies_in_an_open_cell_has_no_end(ask: Ask, model: Model) -> None:
    """Nobody has said how far it reaches; and where a cell at the edge is empty, no value is there."""
    x = rpc.NumericAggregate(edges=[0, 1, 2, 3], counts=[0, 0, 60, 30, 10])
    made = (await ask("CreateBaseline", of(rows=100, numeric={"x": x}, categorical={}))).baseline
    (found,) = made.features
    assert found.min == pytest.approx(1)
    assert found.min > 1
    assert not found.HasField("max")
    y = rpc.NumericAggregate(edges=[0, 1, 2, 3], counts=[10, 60, 30, 0, 0])
    made = (await ask("CreateBaseline", of(rows=100, numeric={"x": y}, categorical={}))).baseline
    (found,) = made.features
    assert (found.HasField("min"), found.max) == (False, 2)
