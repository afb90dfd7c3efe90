"""Meta-models: what they learn of members that are right in different places, and how honest they are."""

import numpy as np
import pytest

from services.feedback.stackers.fitting import Fitted, TooFewPanels, dealt, learn, share_of
from services.feedback.stackers.meta import fit
from services.feedback.stackers.panels import Labelled, Panels, Row, matched

NAMES = ["a", "b", "c"]


def told(chance: np.random.Generator, truth: str, skill: float) -> Labelled:
    """A member that gives the true label odds by its skill."""
    yes = 1 / (1 + np.exp(-(skill * (1 if truth == "yes" else -1) + chance.normal(0, 1.5))))
    return Labelled("yes" if yes > 0.5 else "no", {"no": 1 - yes, "yes": yes})


def labelled(n: int, skills: list[float], seed: int = 1, units: int = 0, share: float = 0.4) -> list[Row]:
    chance = np.random.default_rng(seed)
    rows = []
    for at in range(n):
        truth = "yes" if chance.random() < share else "no"
        said = [told(chance, truth, skill) for skill in skills]
        rows.append(Row(said, truth, f"u{at % units if units else at}"))
    return rows


def numbers(n: int, seed: int = 1) -> list[Row]:
    """One member is high by 10, one is low by half, one knows nothing."""
    chance = np.random.default_rng(seed)
    rows = []
    for at in range(n):
        truth = float(chance.normal(20, 5))
        said = [truth + 10 + chance.normal(), truth / 2 + chance.normal(), float(chance.normal())]
        rows.append(Row(said, truth, f"u{at}"))
    return rows


def learnt(rows: list[Row], members: list[str] = NAMES) -> tuple[Panels, Fitted]:
    panels = matched(members, rows)
    return panels, learn(panels, 5)


def test_members_that_err_apart_make_a_better_whole() -> None:
    """Two weak members that are worth listening to, and one that is always wrong: averaging goes under, a
    meta-model turns the wrong one round."""
    _, found = learnt(labelled(1500, [1.0, 1.0, -1.5]))
    assert found.helps
    assert found.best in ("a", "b")
    assert found.score > found.members[found.best] + 0.05
    assert found.over_best.low < found.over_best.gain < found.over_best.high
    assert found.over_average.gain == pytest.approx(found.score - found.average)


def test_a_member_that_knows_all_leaves_nothing_to_gain() -> None:
    _, found = learnt(labelled(600, [50.0, 0.0, 0.0]))
    assert not found.helps
    assert found.over_best.gain == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_noise_does_not_help(seed: int) -> None:
    """Where both labels are as frequent; else it would have learnt which one is not."""
    _, found = learnt(labelled(300, [0.0, 0.0, 0.0], seed, share=0.5))
    assert not found.helps


def test_numbers_are_corrected_and_weighed() -> None:
    panels, found = learnt(numbers(800))
    assert found.kind == "ridge"
    assert found.helps
    assert found.score < 1.0 < found.members[found.best]
    shares = share_of(found.meta, panels.members)
    assert shares["c"] < 0.1


def test_the_held_out_score_is_that_of_rows_that_nobody_fitted_on() -> None:
    """What cross-validation says is what a second sample shows, within the error of both."""
    _, found = learnt(labelled(1500, [1.0, 1.0, -1.5], seed=3))
    fresh = matched(NAMES, labelled(20_000, [1.0, 1.0, -1.5], seed=4))
    right = (found.meta.scores(fresh.columns).argmax(axis=1) == fresh.truth).mean()
    assert found.score == pytest.approx(right, abs=4 * (0.25 / 1500) ** 0.5)


def test_a_unit_is_never_on_both_sides() -> None:
    panels = matched(NAMES, labelled(900, [1.0, 1.0, 1.0], units=150))
    folds = dealt(panels, np.arange(900), 5)
    assert all(len(set(folds[panels.units == unit])) == 1 for unit in range(150))
    share = [float(panels.truth[folds == fold].mean()) for fold in range(5)]
    assert max(share) - min(share) < 0.1


def test_a_label_that_was_never_true_has_next_to_no_probability() -> None:
    rows = [
        row._replace(said=[Labelled("maybe", {}), *row.said[1:]]) for row in labelled(300, [1.0, 1.0, 1.0])
    ]
    panels, found = learnt(rows)
    assert list(panels.labels) == ["maybe", "no", "yes"]
    scores = found.meta.scores(panels.columns)
    assert (scores[:, 0] < scores.max(axis=1) - 20).all()


def test_one_true_label_among_the_training_rows_is_said_always() -> None:
    panels = matched(NAMES, [row for row in labelled(300, [1.0, 1.0, 1.0]) if row.truth == "no"])
    meta = fit(panels, np.arange(50), 1.0)
    assert (meta.scores(panels.columns).argmax(axis=1) == 0).all()


def test_columns_are_member_by_member_and_label_by_label() -> None:
    row = Row([Labelled("b", {"a": 0.2, "b": 0.8}), Labelled("a", {}), Labelled("b", {"b": 0.5})], "b", "u")
    panels = matched(NAMES, [row])
    assert panels.columns.tolist() == [[0.2, 0.8, 1.0, 0.0, 0.0, 1.0]]
    assert (panels.truth.tolist(), panels.said.tolist()) == ([1.0], [[1.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    "rows", [labelled(99, [1.0] * 3), [one._replace(truth="no") for one in labelled(300, [1.0] * 3)]]
)
def test_too_little_to_learn_from_is_refused(rows: list[Row]) -> None:
    with pytest.raises(TooFewPanels):
        learnt(rows)
