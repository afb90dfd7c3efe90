"""What a bandit may say, and what is written out where it does not."""

from typing import Any

import pytest
from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.router_pb2 import REDACTION_NONE, Router

from services.feedback.policies.learning import EXPLORATION, Learning
from services.feedback.wire.routers import rules_of
from services.router.config.advice import advice
from services.router.config.defaults import with_defaults
from services.router.config.problems import InvalidConfiguration
from services.router.config.validate import validate

MODELS = {"models/a", "models/b"}
LINEAR = strategy.BANDIT_ALGORITHM_LIN_UCB


def bandit(**given: Any) -> Router:
    return Router(name="routers/r", variants=[{"model": "a"}, {"model": "b"}], bandit=given)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("algorithm", {"algorithm": 99}),
        ("ucb_exploration", {"ucb_exploration": -1.0}),
        ("ucb_exploration", {"ucb_exploration": float("nan")}),
        ("discount", {"discount": 0.0}),
        ("discount", {"discount": 1.5}),
        ("discount", {"discount": 0.9, "algorithm": strategy.BANDIT_ALGORITHM_THOMPSON_CHANGE_DETECTION}),
        ("reward_scale", {"reward_scale": 0.0}),
        ("burn_in", {"burn_in": -1}),
        ("burn_in_floor", {"burn_in_floor": 1.1}),
        ("burn_in_cap", {"burn_in_cap": float("nan")}),
        ("cost_weight", {"cost_weight": float("inf")}),
        ("cost_weight", {"cost_weight": 1.0, "algorithm": LINEAR, "context_features": ["x"]}),
        ("reward_delay", {"reward_delay": {"seconds": 0}}),
        ("context_features", {"algorithm": LINEAR}),
        ("context_features", {"context_features": ["x"]}),
        ("context_features", {"algorithm": LINEAR, "context_features": ["x", "x"]}),
        ("context_features", {"algorithm": LINEAR, "context_features": [f"x{n}" for n in range(17)]}),
        ("ridge", {"algorithm": LINEAR, "context_features": ["x"], "ridge": 0.0}),
        ("context_scales['y']", {"algorithm": LINEAR, "context_features": ["x"], "context_scales": {"y": 1}}),
        ("context_scales['x']", {"algorithm": LINEAR, "context_features": ["x"], "context_scales": {"x": 0}}),
        ("ridge", {"algorithm": LINEAR, "context_features": ["x"], "ridge": 1e-308}),
        ("linear_exploration", {"algorithm": LINEAR, "context_features": ["x"], "linear_exploration": 1e308}),
        (
            "context_scales['x']",
            {"algorithm": LINEAR, "context_features": ["x"], "context_scales": {"x": 5e-324}},
        ),
        ("reward_scale", {"reward_scale": 1e-308}),
        ("reward_scale", {"reward_scale": 1e308}),
        ("priors[0].variant", {"priors": [{"variant": "c", "mean": 0.5}]}),
        ("priors[0].mean", {"priors": [{"variant": "a", "mean": 2.0}]}),
        ("priors[0]", {"priors": [{"variant": "a"}]}),
        ("priors[0].rewards", {"priors": [{"variant": "a", "mean": 0.5, "rewards": 0}]}),
        ("priors[0].from", {"priors": [{"variant": "a", "from": "a"}]}),
    ],
)
def test_what_is_wrong_is_refused_by_its_field(field: str, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        validate(with_defaults(bandit(**given)), MODELS)
    assert f"router.bandit.{field}" in {one.field for one in refused.value.fields}


def test_a_context_that_is_not_logged_is_refused() -> None:
    hidden = bandit(algorithm=LINEAR, context_features=["x"])
    hidden.log.redact["x"] = REDACTION_NONE
    with pytest.raises(InvalidConfiguration, match=r"log\.redact hides"):
        validate(with_defaults(hidden), MODELS)


@pytest.mark.parametrize("algorithm", [number for number in strategy.BanditAlgorithm.values() if number])
def test_the_defaults_that_are_written_out_are_those_that_feedback_obeys(algorithm: int) -> None:
    given = bandit(algorithm=algorithm, context_features=["x"] if algorithm == LINEAR else [])
    written = with_defaults(given)
    validate(written, MODELS)
    told, silent = rules_of(written).learning, rules_of(given).learning
    assert told == silent
    assert told is not None
    plain = Learning(told.algorithm)
    assert told.exploring == plain.exploring == EXPLORATION.get(told.algorithm, 0.0)
    for name in ("ucb_exploration", "discount", "burn_in", "burn_in_floor", "burn_in_cap", "reward_delay"):
        assert getattr(told, name) == getattr(plain, name)
    assert (told.linear_exploration, told.ridge) == (plain.linear_exploration, plain.ridge)


@pytest.mark.parametrize(
    ("sentence", "given"),
    [
        ("never explores", {"exploration_rate": 0.0}),
        ("EvaluatePolicy refuses", {"algorithm": strategy.BANDIT_ALGORITHM_UCB1}),
        ("reward_window of 4603 or more", {"discount": 0.999}),
        ("what ghost earned", {"priors": [{"variant": "a", "from": "ghost"}]}),
        ("EPSILON_GREEDY does not look at ucb_exploration", {"ucb_exploration": 1.0}),
        ("EPSILON_GREEDY does not look at reward_scale", {"reward_scale": 0.5}),
    ],
)
def test_advice_is_given_where_a_bandit_may_not_do_what_is_hoped(sentence: str, given: Any) -> None:
    found = advice(with_defaults(bandit(**given)), {})
    assert any(sentence in one for one in found)


def test_settings_that_an_algorithm_looks_at_need_no_advice() -> None:
    ucb = bandit(algorithm=strategy.BANDIT_ALGORITHM_UCB1, ucb_exploration=1.0)
    # Written out, a default is nobody's wish.
    for given in (ucb, bandit()):
        assert not any("does not look at" in one for one in advice(with_defaults(given), {}))


def test_a_prior_from_a_variant_that_is_there_needs_no_advice() -> None:
    found = advice(with_defaults(bandit(priors=[{"variant": "a", "from": "b"}])), {})
    assert not any("earned" in one for one in found)


def test_without_variants_the_bounds_of_their_shares_are_not_what_is_wrong() -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        validate(with_defaults(Router(name="routers/r", bandit={})), MODELS)
    assert {one.field for one in refused.value.fields} == {"router.variants"}
