import numpy as np
import pytest
from scipy.integrate import quad

from services.feedback.sequential.multiplicity import declared, insured, shared


def test_alpha_is_divided_among_what_is_asked() -> None:
    assert shared(0.05, 4) == pytest.approx(0.0125)
    assert shared(0.05, 0) == 0.05


def test_the_best_of_many_needs_more_than_one_alone_would() -> None:
    assert declared(np.log([25.0]), 0.05).tolist() == [True]
    assert declared(np.log([25.0, 1.0, 1.0]), 0.05).tolist() == [False, False, False]


def test_several_good_ones_carry_each_other() -> None:
    assert declared(np.log([25.0, 26.0, 24.0]), 0.05).tolist() == [True, True, True]
    assert declared(np.log([1.0, 59.0, 61.0]), 0.05).tolist() == [False, True, True]


def test_nothing_is_declared_among_nothing() -> None:
    assert declared(np.empty(0), 0.05).tolist() == []


def test_false_discoveries_stay_below_alpha_however_the_e_values_hang_together() -> None:
    rng = np.random.default_rng(1)
    # One draw for all nulls: with probability p an e-value of 1/p, the worst dependence there is for e-BH.
    wrong = []
    for _ in range(20_000):
        p = rng.choice([0.2, 0.05, 0.01])
        nulls = np.full(8, -np.log(p) if rng.random() < p else -50.0)
        flags = declared(np.concatenate([nulls, np.log([500.0, 500.0])]), 0.05)
        wrong.append(flags[:8].sum() / max(flags.sum(), 1))
    error = np.std(wrong) / np.sqrt(len(wrong))
    assert np.mean(wrong) <= 0.05 + 4 * error
    assert np.mean(wrong) > 0.0


def test_a_running_maximum_is_worth_less_than_itself() -> None:
    assert np.exp(insured(np.log([20.0])))[0] == pytest.approx((20 - 1 - np.log(20)) / np.log(20) ** 2)
    # The greatest capital y of a martingale has the density y^-2 beyond 1 at worst: the mean is 1.
    total, _ = quad(lambda log_y: np.exp(insured(np.array([log_y]))[0] - log_y), 0, 5000, limit=5000)
    # Beyond, the integrand is 1 / (ln y)², of which 1/5000 is left.
    assert total + 1 / 5000 == pytest.approx(1.0, abs=1e-4)
