"""What every betting process promises, by the table: a new one is tested by being in it."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

from services.feedback import sequential
from services.feedback.sequential import PROCESSES, layout
from services.feedback.sequential.folding import fold, log_capital, log_evidence, start
from services.feedback.sequential.questions import Test
from services.feedback.sequential.seen import Flags, Floats, Seen, Sums

MODULES = [
    f"services.feedback.sequential.{found.name}" for found in pkgutil.iter_modules(sequential.__path__)
]
MARGINS = {"binary": [0.0], "differs": [0.0], "mean": [-0.3, 0.0, 0.01, 0.2], "level": [0.0, 0.01, 0.4, 0.95]}
QUESTIONS = [Test(kind, margin) for kind in PROCESSES for margin in MARGINS[kind]]


def named(test: Test) -> str:
    return f"{test.kind} {test.margin:g}"


def some(test: Test, length: int, seed: int = 1) -> tuple[Flags, Floats, Floats]:
    """Observations with shares that change, two of them without a choice."""
    rng = np.random.default_rng(seed)
    shares = rng.choice([0.01, 0.1, 0.5, 0.9], length)
    treated = rng.random(length) < shares
    shares[3], shares[7] = 0.0, 1.0
    treated[3], treated[7] = False, True
    values = rng.random(length)
    return treated, np.round(values) if PROCESSES[test.kind].WHOLE else values, shares


def histories(rng: np.random.Generator, count: int) -> tuple[Sums, Floats]:
    """Any past, and any share."""
    n0, n1 = np.floor(10.0 ** rng.uniform(0, 5, (2, count))) - 1.0
    before = Sums(n0, n1, np.round(n0 * rng.random(count)), np.round(n1 * rng.random(count)))
    return before, 10.0 ** -rng.uniform(0.01, 4, count) * 0.999


@pytest.mark.parametrize("test", QUESTIONS, ids=named)
def test_a_bet_has_no_gain_in_the_mean_where_the_null_hypothesis_is_true(test: Test) -> None:
    # Exact, over the four outcomes: factors are linear in values between 0 and 1, so these are the extremes.
    rng = np.random.default_rng(7)
    before, shares = histories(rng, 4000)
    base = rng.random(4000)
    rates = {
        "binary": base * rng.random(4000),
        "differs": base,
        "mean": np.clip(base + test.margin, 0.0, 1.0),
        "level": np.full(4000, test.margin),
    }
    rate1 = rates[test.kind]
    # A margin that no rate can reach is no hypothesis: the baseline comes down or up to where one can.
    rate0 = np.clip(rate1 - test.margin, 0.0, 1.0) if test.kind == "mean" else base
    rate1 = np.minimum(rate1, rate0 + test.margin) if test.kind == "mean" else rate1
    process = PROCESSES[test.kind]
    for bet in process.BETS:
        mean = np.zeros(4000)
        for treated, value in ((True, 1.0), (True, 0.0), (False, 1.0), (False, 0.0)):
            rate = rate1 if treated else rate0
            chance = (shares if treated else 1.0 - shares) * (rate if value else 1.0 - rate)
            seen = Seen(np.full(4000, treated), np.full(4000, value), shares, before)
            factor = process.multiply(seen, test.margin, bet)
            assert (factor > 0.0).all()
            mean += chance * factor
        # Rounding of terms up to 1/share.
        assert mean.max() <= 1.0 + 1e-9


@pytest.mark.parametrize("test", QUESTIONS, ids=named)
def test_folding_in_pieces_is_folding_at_once_bit_for_bit(test: Test) -> None:
    treated, values, shares = some(test, 3000)
    at_once = fold(test, start(test), treated, values, shares)
    rng = np.random.default_rng(2)
    for _ in range(5):
        state = start(test)
        cuts = np.sort(rng.integers(0, 3000, 40)).tolist()
        for low, high in zip([0, *cuts], [*cuts, 3000], strict=True):
            state = fold(test, state, treated[low:high], values[low:high], shares[low:high])
        assert state.tobytes() == at_once.tobytes()


@pytest.mark.parametrize("test", QUESTIONS, ids=named)
def test_many_tests_fold_as_each_alone_does(test: Test) -> None:
    pieces = [some(test, 200, seed) for seed in range(3)]
    together = fold(test, np.tile(start(test), (3, 1)), *map(np.stack, zip(*pieces, strict=True)))
    for state, piece in zip(together, pieces, strict=True):
        np.testing.assert_allclose(state, fold(test, start(test), *piece), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("test", QUESTIONS, ids=named)
def test_evidence_is_the_greatest_capital_that_there_ever_was(test: Test) -> None:
    treated, values, shares = some(test, 120)
    state, capitals = start(test), [0.0]
    for at in range(120):
        one = slice(at, at + 1)
        state = fold(test, state, treated[one], values[one], shares[one])
        capitals.append(log_capital(test, state))
        assert log_evidence(test, state) == pytest.approx(max(capitals), abs=1e-12)


@pytest.mark.parametrize("kind", [kind for kind in PROCESSES if PROCESSES[kind].CHOICE])
def test_nothing_is_learnt_where_there_was_no_choice(kind: str) -> None:
    treated, values = np.array([True, False]), np.array([1.0, 0.0])
    state = fold(Test(kind), start(Test(kind)), treated, values, np.array([1.0, 0.0]))
    assert state.tolist() == start(Test(kind)).tolist()


def test_a_level_is_tested_at_full_traffic() -> None:
    treated, values, shares = np.full(200, True), np.full(200, 1.0), np.full(200, 1.0)
    test = Test("level", 0.5)
    state = fold(test, start(test), treated, values, shares)
    assert log_evidence(test, state) > 20
    assert state[layout.BETS :].argmax() == len(state) - layout.BETS - 1


def test_no_observation_leaves_the_state_as_it_is_and_is_its_copy() -> None:
    test, nothing = Test("mean"), np.empty(0)
    state = start(test)
    after = fold(test, state, nothing.astype(bool), nothing, nothing)
    assert after.tolist() == state.tolist()
    assert after is not state


@pytest.mark.parametrize(
    ("kind", "margin", "why"),
    [
        ("median", 0.0, "kind must be one of binary, mean, differs, level"),
        ("binary", 0.01, "margin must be 0 for kind 'binary'"),
        ("differs", 0.01, "margin must be 0 for kind 'differs'"),
        ("mean", 1.0, "margin must lie between -1 and 1"),
        ("mean", float("nan"), "margin must lie between -1 and 1"),
        ("level", -0.1, "margin is the level itself"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(kind: str, margin: float, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Test(kind, margin)


@pytest.mark.parametrize(
    ("kind", "value", "share", "why"),
    [
        ("mean", 1.5, 0.5, r"values must lie in \[0, 1\]"),
        ("mean", float("nan"), 0.5, r"values must lie in \[0, 1\]"),
        ("binary", 0.5, 0.5, "values must be 0 or 1 for kind 'binary'"),
        ("binary", 1.0, 1.5, "shares must be probabilities"),
        ("binary", 1.0, float("nan"), "shares must be probabilities"),
    ],
)
def test_an_observation_that_cannot_be_is_refused(kind: str, value: float, share: float, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fold(Test(kind), start(Test(kind)), np.array([True]), np.array([value]), np.array([share]))


def test_observations_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="must be alike in shape"):
        fold(Test("mean"), start(Test("mean")), np.array([True]), np.array([1.0, 0.0]), np.array([0.5]))


def test_flags_that_are_numbers_are_refused() -> None:
    numbers = np.array([1.0])
    with pytest.raises(ValueError, match="treated must be flags"):
        fold(Test("mean"), start(Test("mean")), numbers, numbers, numbers)


def test_the_state_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="state must have 13 entries for kind 'mean'"):
        log_evidence(Test("mean"), start(Test("binary")))


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), extraglobs={"np": np})
    assert result.failed == 0
