"""The proof in short: identical models are seldom told apart, however often they are looked at. `make type1`
runs all of it."""

import numpy as np
import pytest
from scipy.stats import binom

from services.feedback.evidence import observations
from services.feedback.evidence.observations import DECISION, ENTITY, Observations
from services.feedback.sequential.folding import fold, log_evidence, start
from services.feedback.sequential.planning import fixed_sample
from services.feedback.sequential.questions import Test
from tests.feedback.sequential.entities import firsts, traffic
from tests.feedback.sequential.scenarios import (
    ALPHA,
    NAIVE,
    RATES,
    SHARES,
    TRAFFICS,
    errors,
    promoted_for_silence,
    told,
)
from tests.feedback.sequential.trials import World

RUNS = 60


@pytest.mark.parametrize("name", TRAFFICS)
def test_identical_models_are_seldom_told_apart(name: str) -> None:
    worlds = [World(rate, rate, share) for rate in RATES for share in SHARES]
    found = [errors(TRAFFICS[name], world, RUNS, 1000, seed) for seed, world in enumerate(worlds)]
    # One run of this test in 10,000 would have more at the error rate that is promised, of any one claim.
    bound = binom.isf(1e-4, RUNS * len(worlds), ALPHA)
    for claim in found[0]:
        assert sum(each[claim].declared for each in found) <= bound


@pytest.mark.parametrize("name", NAIVE)
def test_labels_taken_as_they_come_void_the_promise(name: str) -> None:
    found = errors(NAIVE[name], World(0.9, 0.9, 0.5), RUNS, 3000, 3)
    # A valid test would do so once in 10,000 runs: the traffic is one in which mistakes show.
    assert found["promotion, binary"].declared > binom.isf(1e-4, RUNS, ALPHA)


def test_what_is_folded_up_to_the_watermark_is_one_sequence_whatever_the_delays() -> None:
    world, test = World(0.9, 0.9, 0.3), Test("binary")
    found = traffic(np.random.default_rng(4), world, 1, 1000)
    whole = firsts(found)
    at_once = fold(test, start(test), whole.treated[0], whole.values[0], np.full(whole.treated.shape[1], 0.3))
    first = np.zeros(1000, bool)
    first[np.unique(found.entity[0], return_index=True)[1]] = True
    state, folded, looks = start(test), 0, 0
    for now in range(found.arrival.max() + 1):
        # The watermark is the first decision whose label is outstanding.
        outstanding = found.arrival[0] > now
        watermark = int(outstanding.argmax()) if outstanding.any() else 1000
        new = slice(folded, watermark)
        kept = first[new]
        treated, values = found.treated[0, new][kept], found.values[0, new][kept]
        state = fold(test, state, treated, values, np.full(len(values), 0.3))
        folded, looks = watermark, looks + bool(len(values))
    assert looks > 20
    assert state.tobytes() == at_once.tobytes()
    assert log_evidence(test, state) == log_evidence(test, at_once)


def test_the_proof_takes_the_same_decisions_as_the_service_does() -> None:
    found = traffic(np.random.default_rng(7), World(0.9, 0.9, 0.3), 1, 3000)
    packed = np.zeros(3000, DECISION)
    packed["unit"], packed["flags"] = found.entity[0] + 1, ENTITY
    arm = found.treated[0].astype(np.intp)
    known, kept = np.empty(0, np.uint64), []
    for minute in range(0, 3000, 250):
        those = np.s_[minute : minute + 250]
        seen = Observations(packed[those], [], [], arm[those], np.tile([0.7, 0.3], (250, 1)))
        first, new = observations.firsts(seen, known)
        known = np.sort(np.concatenate([known, new]))
        kept += (minute + np.flatnonzero(first)).tolist()
    ours = firsts(found)
    assert found.treated[0, kept].tolist() == ours.treated[0][ours.there[0]].tolist()
    assert found.values[0, kept].tolist() == ours.values[0][ours.there[0]].tolist()
    assert len(kept) < 1500


def test_two_points_are_found_about_as_soon_as_by_a_test_that_looks_once() -> None:
    fixed = fixed_sample(0.9, 0.92, 0.5, ALPHA, 0.8)
    found = told(TRAFFICS["independent"], World(0.9, 0.92, 0.5), 40, int(1.3 * fixed), 5, 100)
    # Found within 1.3 fixed samples in half of all runs: fewer than this come once in 10,000 times.
    for claim in ("promotion, binary", "promotion, mean"):
        assert found[claim].share() * 40 >= binom.isf(1 - 1e-4, 40, 0.5)


def test_a_canary_whose_failures_go_without_labels_is_not_promoted() -> None:
    world = World(0.9, 0.9, 0.5)
    careless = promoted_for_silence(world, 1.0, 100, 1000, 6, careful=False)
    careful = promoted_for_silence(world, 1.0, 100, 1000, 6, careful=True)
    assert careless > 0.5
    # 5 % in the long run: more than this come once in 10,000 times.
    assert careful <= binom.isf(1e-4, 100, 0.05) / 100
