"""Every decision can be made again, to the last bit: from its record, and from what was stored.

`make replay` runs it with DECISIONS=100000.
"""

import os
from collections import Counter

import pytest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1.router_pb2 import Router

from services.router.deciding.rulings import Compiled
from services.router.replay.recomputing import Stored, recompute
from services.router.replay.redrawing import redraw
from tests.router.deciding.worlds import World, world

EACH = 40
WORLDS = int(os.environ.get("DECISIONS", "2000")) // EACH


def stored(made: World) -> Stored:
    router = Router.FromString(made.router.SerializeToString())
    return Stored(router, made.learnt, made.metrics, made.models, Compiled())


async def test_decisions_over_random_configurations_replay_bit_exact() -> None:
    strategies: Counter[str] = Counter()
    for seed in range(WORLDS):
        made = world(seed)
        kept = stored(made)
        for _ in range(EACH):
            request, choice = made.decide()
            event = made.event_of(request, choice)
            decision = event.manifest.decision
            assert redraw(decision) == [], (seed, decision)
            assert recompute(event, kept) == ([], []), (seed, decision, made.router)
            assert sum(one.probability for one in decision.candidates) == pytest.approx(1, abs=1e-9)
            assert all(one.eligible or not one.probability for one in decision.candidates)
            strategies[decision.strategy] += 1
    assert len(strategies) == 12, strategies


async def test_what_a_policy_measures_is_no_score_of_the_contextual_bandit_beside_it() -> None:
    """The router learns from contexts, and its policy goes by a measured metric."""
    made, measured = world(380), 0
    for _ in range(EACH):
        event = made.event_of(*made.decide())
        assert recompute(event, stored(made)) == ([], [])
        scored = any(one.HasField("score") for one in event.manifest.decision.candidates)
        measured += event.manifest.decision.strategy == "best_metric" and scored
    assert made.router.bandit.context_features
    assert measured


def spoilt(event: PredictionEvent, how: str) -> PredictionEvent:
    made = PredictionEvent.FromString(event.SerializeToString())
    decision = made.manifest.decision
    if how == "share":
        decision.candidates[0].probability += 1e-12
    elif how == "variant":
        decision.variant = next(one.variant for one in decision.candidates if one.variant != decision.variant)
    elif how == "propensity":
        decision.propensity /= 2
    elif how == "policy":
        decision.policy = "nobody wrote it"
    else:
        decision.rule_errors.append("p0")
    return made


@pytest.mark.parametrize("how", ["share", "variant", "propensity", "policy", "errors"])
async def test_a_record_that_was_changed_is_found_out(how: str) -> None:
    for seed in range(30):
        made = world(seed)
        event = made.event_of(*made.decide())
        assert recompute(spoilt(event, how), stored(made)).mismatches, (seed, how)


async def test_what_is_not_kept_any_more_is_said_and_no_mismatch() -> None:
    unknown: Counter[str] = Counter()
    for seed in range(60):
        made = world(seed)
        event = made.event_of(*made.decide())
        verdict = recompute(event, stored(made)._replace(learnt=None, metrics=None))
        assert verdict.mismatches == []
        unknown.update(verdict.unknown)
    assert any("rewards of version 9" in said for said in unknown)
    assert any("metrics" in said for said in unknown)
