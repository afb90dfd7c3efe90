"""Probabilities of being best, against integrals and draws of other makes."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta, norm

from services.feedback.policies import quadrature
from services.feedback.policies.allocation import NotAllotted, bounded
from services.feedback.policies.learning import Learning
from services.feedback.policies.thompson import best_of_betas
from services.feedback.policies.thompson_gaussian import best_of_normals


@pytest.mark.parametrize(
    ("wins", "losses"),
    [
        ([1.0, 1.0], [1.0, 1.0]),
        ([10.0, 4.0, 2.5], [5.0, 8.0, 1.0]),
        ([1.3, 1.0, 7.7], [1.0, 1.3, 3.2]),
        ([60.0, 50.0, 1.0, 9.0], [40.0, 50.0, 1.0, 91.0]),
    ],
)
def test_of_betas_as_by_an_adaptive_integral(wins: list[float], losses: list[float]) -> None:
    arms = list(zip(wins, losses, strict=True))

    def best(place: int) -> float:
        def mass(x: float) -> float:
            others = (beta.cdf(x, *arm) for other, arm in enumerate(arms) if other != place)
            return float(beta.pdf(x, *arms[place]) * np.prod(list(others)))

        return float(quad(mass, 0, 1, limit=200, epsabs=1e-10)[0])

    found = best_of_betas(np.array([wins]), np.array([losses]))[0]
    assert found == pytest.approx([best(place) for place in range(len(arms))], abs=1e-7)


@pytest.mark.parametrize("n", [1e2, 1e4, 1e6, 1e8])
def test_two_equal_arms_have_half_each_however_narrow(n: float) -> None:
    """Fixed nodes over [0, 1] sum to 0.21 at 10⁴ rewards and to nothing at 10⁵."""
    won = np.array([[0.3 * n, 0.3 * n]])
    assert best_of_betas(1 + won, 1 + n - won)[0] == pytest.approx([0.5, 0.5], abs=1e-9)


@pytest.mark.parametrize("n", [10, 1000, 100_000])
def test_arms_that_never_won_have_half_each(n: int) -> None:
    """Mean ± 8 standard deviations leaves 1e-4 of Beta(1, n) outside; the scale of the arcsine does not."""
    ones = np.ones((1, 2))
    assert best_of_betas(ones, ones + n)[0] == pytest.approx([0.5, 0.5], abs=1e-9)


def test_of_two_normals_as_the_formula_says() -> None:
    found = best_of_normals(np.array([[0.0, 1.0]]), np.array([[1.0, 2.0]]))
    assert found[0, 1] == pytest.approx(norm.cdf(1 / np.sqrt(5)), abs=1e-9)


def test_many_random_learners_sum_to_one() -> None:
    rng = np.random.default_rng(3)
    n = 10 ** rng.uniform(0, 7, (300, 12))
    won = n * rng.random((300, 12))
    found = best_of_betas(1 + won, 1 + n - won)
    assert np.isfinite(found).all()
    assert found.sum(-1) == pytest.approx(np.ones(300), abs=1e-12)
    assert (found >= 0).all()


def test_a_sum_that_is_off_is_refused() -> None:
    """Ranges that hold only half of the mass make half of a probability."""
    half = quadrature.greatest(
        lambda x, places: np.broadcast_to(np.log(0.5), (1, places.shape[1], x.shape[-1])).astype(float),
        np.zeros((1, 2)),
        np.ones((1, 2)),
    )
    assert np.isnan(half).all()
    with pytest.raises(NotAllotted, match="do not sum to 1"):
        bounded(half[0], Learning("thompson"))
