"""The estimators beside the Open Bandit Pipeline (0.4.1): the same numbers on a case that fits on a page, and
on the logs that it ships.

The logs are the Open Bandit Dataset's samples (ZOZO, CC BY 4.0): in `obd.npz` the propensities of its
Bernoulli Thompson sampler, and, of its uniform logs, what that sampler gives the logged
item in hundred thousandths.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from services.feedback.offpolicy import ESTIMATORS, missing
from services.feedback.offpolicy.sample import Floats, Sample
from services.feedback.offpolicy.support import effective_size

DATA = Path(__file__).parent / "data"
REFERENCE: dict[str, Any] = json.loads((DATA / "reference.json").read_text())
THEIRS = {"ipw": "ips", "snipw": "snips"}


def of(rewards: Floats, weights: Floats) -> Sample:
    nothing = np.zeros(len(rewards))
    return Sample(rewards, weights, np.arange(len(rewards)), nothing, nothing)


def agrees(sample: Sample, theirs: dict[str, float]) -> None:
    for name, ours in THEIRS.items():
        assert ESTIMATORS[ours](sample).value == pytest.approx(theirs[name], rel=1e-12)
    assert effective_size(sample.weights) == pytest.approx(theirs["ess"], rel=1e-9)
    assert sample.weights.max() == pytest.approx(theirs["max_w"], rel=1e-12)


def test_a_case_that_fits_on_a_page() -> None:
    tiny = REFERENCE["tiny"]
    arms, share = np.array(tiny["action"]), np.array(tiny["pi"])
    fitted = np.array(tiny["qhat"])
    sample = Sample(
        np.array(tiny["reward"], dtype=np.float64),
        share[arms] / np.array(tiny["pscore"]),
        np.arange(len(arms)),
        fitted[arms],
        np.full(len(arms), share @ fitted),
        clip=1.5,
    )
    ours = {
        "ipw": "ips",
        "ipw_clip_lambda1.5": "clipped_ips",
        "snipw": "snips",
        "dm": "direct_method",
        "dr": "doubly_robust",
        "sndr": "self_normalised_dr",
    }
    found = {theirs: ESTIMATORS[name](sample).value for theirs, name in ours.items()}
    assert found == pytest.approx({name: tiny["values"][name] for name in ours}, rel=1e-14)


@pytest.mark.parametrize("campaign", ["all", "men", "women"])
def test_the_uniform_policy_from_the_logs_of_a_sampler(campaign: str) -> None:
    logs, told = np.load(DATA / "obd.npz"), REFERENCE[campaign]
    logged = logs[f"{campaign}_bts_propensities"]
    clicks = np.unpackbits(logs[f"{campaign}_bts_clicks"])[: len(logged)].astype(np.float64)
    agrees(of(clicks, 1 / told["K"] / logged), told["uniform_from_bts"])


@pytest.mark.parametrize("campaign", ["all", "men", "women"])
def test_the_sampler_from_uniform_logs(campaign: str) -> None:
    logs, told = np.load(DATA / "obd.npz"), REFERENCE[campaign]
    shares = logs[f"{campaign}_random_hundred_thousandths"] / 1e5
    clicks = np.unpackbits(logs[f"{campaign}_random_clicks"])[: len(shares)].astype(np.float64)
    agrees(of(clicks, shares * told["K"]), told["bts_from_random"])


def test_rewards_are_missing_as_evenly_as_scipy_finds() -> None:
    rng = np.random.default_rng(3)
    for arms in (2, 2, 3, 7):
        rewarded, unrewarded = rng.integers(1, 60, (2, arms))
        theirs = stats.chi2_contingency([rewarded, unrewarded]).pvalue
        assert missing.p_value(rewarded, unrewarded) == pytest.approx(theirs, rel=1e-12)
