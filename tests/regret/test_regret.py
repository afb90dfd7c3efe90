"""A short version of `make regret`: every policy in the world of the references that costs least."""

import pytest

from tests.regret import linear
from tests.regret.learners import LEARNERS
from tests.regret.plot import svg
from tests.regret.simulating import simulate
from tests.regret.verdicts import judge
from tests.regret.worlds import CASES, world

RUNS = 30


@pytest.mark.parametrize("algorithm", CASES["bern3_russo"]["algorithms"])
def test_a_policy_regrets_as_much_as_its_reference(algorithm: str) -> None:
    """Within 4 sqrt(sd²/m + se²) of the mean of 2,000 runs of another implementation."""
    verdict = judge("bern3_russo", algorithm, simulate(world("bern3_russo"), LEARNERS[algorithm], RUNS, 4))
    assert verdict.inside, verdict.told()


def test_linear_ucb_regrets_as_much_as_its_reference() -> None:
    verdict = judge("lin_ctx", "linucb_a1", linear.simulate(linear.LEARNERS["linucb_a1"], 2, 5))
    assert verdict.inside, verdict.told()


def test_what_is_measured_so_far_is_plotted() -> None:
    """Results come one by one, and the first of a case may be the one that is not shown."""
    uniform, greedy = (
        judge("bern3_russo", algorithm, simulate(world("bern3_russo", 50), LEARNERS[algorithm], 2, 4))
        for algorithm in ("uniform", "eps_greedy_0.1")
    )
    assert "bern3_russo" not in svg([uniform])
    assert svg([uniform, greedy]).count("<polyline") == 2


def test_the_check_notices_a_learner_that_does_not_learn() -> None:
    """Exploring always is far outside the noise of the reference."""
    regret = simulate(world("bern3_russo"), LEARNERS["uniform"], RUNS, 7)
    assert judge("bern3_russo", "eps_greedy_0.1", regret).outside
