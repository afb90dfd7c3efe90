"""Values of independent libraries, and simulated canaries with their standard errors.

Of `data/sequential.json` this holds what is our convention: sample-ratio Bayes factors, the asymptotic
sequence, the two-sided normal mixture (the same boundary), fixed samples, and simulations of the two betting
processes and of point estimates. The rest are methods that others use and we do not.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from services.feedback.sequential import srm
from services.feedback.sequential.display import half_width, tightness
from services.feedback.sequential.planning import fixed_sample
from services.feedback.sequential.srm import srm_fold, srm_start
from tests.feedback.sequential.canaries import BINARY, LITERAL, MEAN, Canary, literally, simulated

DATA = json.loads((Path(__file__).parent.parent / "data" / "sequential.json").read_text())
REFERENCE: Mapping[str, float] = DATA["reference"]
SHORT = {"+.05 pi=0.5": 150, "guardrail -.05 pi=0.1": 60}


@pytest.mark.parametrize(
    ("counts", "shares", "key"),
    [
        ((5000, 5000), (0.5, 0.5), "srm_logBF n=(5000,5000) theta=(.5,.5) dir(1,1)"),
        ((5200, 4800), (0.5, 0.5), "srm_logBF n=(5200,4800)"),
        ((9300, 700), (0.9, 0.1), "srm_logBF n=(9300,700) theta=(.9,.1)"),
    ],
)
def test_sample_ratio_bayes_factors(counts: tuple[int, int], shares: tuple[float, float], key: str) -> None:
    chosen = np.random.default_rng(1).permutation(np.repeat([0, 1], counts))
    state = srm_fold(srm_start(2), chosen, np.tile(shares, (sum(counts), 1)))
    # In one sum of 10,000 logarithms; theirs is one of gamma functions.
    assert state[srm.PRESENT] == pytest.approx(REFERENCE[key], abs=1e-9)


@pytest.mark.parametrize(("count", "variance"), [(100, 0.25), (1000, 0.09)])
def test_half_widths_of_the_asymptotic_sequence(count: int, variance: float) -> None:
    key = f"asymp_cs halfwidth n={count} var={variance:g} rho=0.296341"
    rho = tightness(0.05, 100)
    assert rho == pytest.approx(0.296341, abs=5e-7)
    # Theirs was computed with the ρ before rounding.
    assert half_width(count, variance, rho, 0.05) == pytest.approx(REFERENCE[key], rel=1e-9)


def test_the_two_sided_normal_mixture_is_the_same_boundary() -> None:
    # confseq's ρ for v_opt = 100 is v_opt / (2 ln 1/α + ln(1 + 2 ln 1/α)), and the inverse square of ours.
    rho = math.sqrt((2 * math.log(20) + math.log(1 + 2 * math.log(20))) / 100)
    bound = REFERENCE["normal_mixture_bound(two_sided)"]
    assert 100 * half_width(100, 1.0, rho, 0.05) == pytest.approx(bound, rel=1e-9)


@pytest.mark.parametrize(
    "name", [name for name in DATA["canary"] if "fixed_n_80pct_power_one_sided" in DATA["canary"][name]]
)
def test_fixed_samples(name: str) -> None:
    case = Canary.of(DATA["canary"][name])
    expected = DATA["canary"][name]["fixed_n_80pct_power_one_sided"]
    assert math.ceil(case.fixed_sample()) == expected


def test_fixed_samples_without_a_margin() -> None:
    assert fixed_sample(0.9, 0.92, 0.5, 0.05, 0.8) == pytest.approx(5057.3, abs=0.1)


@pytest.mark.parametrize("name", SHORT)
def test_canaries_of_either_process_are_decided_like_the_reference(name: str) -> None:
    case = Canary.of(DATA["canary"][name])
    found = simulated(case, SHORT[name], seed=11)
    for method in (BINARY, MEAN):
        median = DATA["canary"][name]["methods"][method]["median"]
        times = np.sort(found[method].declared)
        # The interval that holds the median of all but one in 10,000 such samples, by order statistics.
        spread = round(1.95 * math.sqrt(len(times)))
        middle = len(times) // 2
        assert times[middle - spread] <= 1.1 * median
        assert times[middle + spread] >= 0.9 * median
        assert found[method].share() == 1.0


def test_point_estimates_promote_what_is_no_better_most_of_the_time() -> None:
    name = "null pi=0.5"
    found = literally(Canary.of(DATA["canary"][name]), 300, seed=12)
    expected = DATA["canary"][name]["methods"][LITERAL]
    error = math.hypot(expected["se"], math.sqrt(0.8 * 0.2 / 300))
    assert found.share() == pytest.approx(expected["declared"], abs=4 * error)
