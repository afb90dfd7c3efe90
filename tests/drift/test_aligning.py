"""Two models' windows meet on one frame: nothing is counted twice, nothing is lost."""

import numpy as np

from services.drift.aligning import Seen, align
from services.drift.analysis import compare_models, summarize
from services.drift.asked import NOTHING_SPECIAL
from services.drift.baselines import Baseline, Feature, Role
from services.drift.cells import Tally, Vocabulary, freeze
from services.drift.cells.blob import Profile
from services.drift.cells.vocabulary import MISSING, OTHER
from services.drift.verdict import Level


def seen(model: str, *columns: tuple[Feature, Tally]) -> Seen:
    features = tuple(feature for feature, _ in columns)
    rows = max(tally.rows for _, tally in columns)
    baseline = Baseline(model, "base", f"models/{model}", model, rows, features, 0.0)
    return Seen(baseline, Profile.of("", rows, [tally for _, tally in columns]))


def named(
    names: str, counts: list[int], unseen: dict[str, int] | None = None, role: Role = Role.FEATURE,
    overflowed: bool = False, name: str = "plan",
) -> tuple[Feature, Tally]:  # fmt: skip
    """A column of names with their counts, OTHER and missing ones last."""
    frame = Vocabulary(tuple(names), overflowed)
    tally = Tally(np.array(counts, dtype=np.int64), unseen or {})
    return Feature(name, frame, tally, 2.0, role), tally


def test_categories_meet_on_the_union_of_their_names() -> None:
    own = seen("own", named("ab", [10, 20, 0, 3], {"c": 4, "x": 1}))
    other = seen("other", named("bc", [7, 9, 2, 1], {"a": 5, "y": 6}))
    ((feature, after),) = align(own, other).features
    assert align(own, other).left_out == []
    assert isinstance(feature.frame, Vocabulary)
    assert feature.frame.names == ("a", "b", "c")
    assert feature.tally.columns.tolist() == [5, 7, 9, 2, 1]
    assert after.columns.tolist() == [10, 20, 4, 0, 3]
    assert (feature.tally.unseen, after.unseen) == ({"y": 6}, {"x": 1})
    assert feature.tally.rows == other.profile.rows
    assert after.rows == own.profile.rows


def test_where_names_were_left_out_only_shared_ones_are_sure() -> None:
    own = seen("own", named("ab", [10, 20, 5, 3], overflowed=True))
    other = seen("other", named("bc", [7, 9, 2, 1], {"a": 5}))
    ((feature, after),) = align(own, other).features
    assert isinstance(feature.frame, Vocabulary)
    assert feature.frame.names == ("b",)
    assert feature.tally.columns.tolist() == [7, 16, 1]
    assert after.columns.tolist() == [20, 15, 3]
    assert (after.columns[OTHER], after.columns[MISSING]) == (15, 3)
    nothing = align(own, seen("other", named("xy", [7, 9, 2, 1])))
    assert nothing.features == []
    assert "none of its most frequent categories" in nothing.left_out[0]


def test_outputs_meet_by_their_role_and_features_by_their_name() -> None:
    own = seen(
        "own", named("ab", [1, 2, 0, 0], role=Role.PREDICTION, name="verdict"), named("ab", [1, 2, 0, 0])
    )
    other = seen("other", named("ab", [3, 4, 0, 0], role=Role.PREDICTION, name="answer"))
    aligned = align(own, other)
    assert [feature.name for feature, _ in aligned.features] == ["verdict"]
    assert aligned.left_out == ["plan: not compared, as models/other/baselines/base has no such column."]
    assert align(own, other, ["verdict"]).left_out == []


def test_models_whose_answers_cannot_be_compared_are_never_ok() -> None:
    """The features are the same, and the scores a hundred deviations apart."""
    rng = np.random.default_rng(2)
    inputs = freeze(rng.normal(size=500))
    x = (Feature("x", inputs, inputs.count([])), inputs.count(rng.normal(size=400)))
    sides = dict[str, Seen]()
    for model, mean in (("own", 0.0), ("other", 100.0)):
        scores = freeze(rng.normal(mean, 1, 500))
        p = Feature("p", scores, scores.count([]), role=Role.SCORE), scores.count(rng.normal(mean, 1, 400))
        sides[model] = seen(model, x, p)
    aligned = align(sides["own"], sides["other"])
    found = compare_models(aligned, 400, NOTHING_SPECIAL)
    assert [one.verdict.decision for one in found.features] == [Level.OK]
    assert found.status is Level.INSUFFICIENT_DATA
    assert summarize(found) == "Not all is known in 400 rows; p not compared; the other columns do not drift."
    # Who asks for the features alone gets them.
    some = align(sides["own"], sides["other"], ["x"])
    assert compare_models(some, 400, NOTHING_SPECIAL).status is Level.OK
    told = compare_models(aligned._replace(apart=[x[0]]), 400, NOTHING_SPECIAL)
    assert (told.status, told.open) == (Level.OK, ())
    assert summarize(told) == "No drift among 1 feature in 400 rows; x not compared."


def test_numbers_meet_on_equal_cells_alone() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=300)
    columns = []
    for sample in (values, values, values + 1):
        grid = freeze(sample)
        columns.append((Feature("x", grid, grid.count(sample)), grid.count(rng.normal(size=50))))
    same = align(seen("own", columns[0]), seen("other", columns[1]))
    ((feature, after),) = same.features
    assert feature.tally == columns[1][1]
    assert after == columns[0][1]
    apart = align(seen("own", columns[0]), seen("other", columns[2]))
    assert apart.features == []
    assert "give both baselines the same edges" in apart.left_out[0]
    kinds = align(seen("own", columns[0]), seen("other", named("ab", [1, 2, 0, 0], name="x")))
    assert "a number to one of the models" in kinds.left_out[0]
