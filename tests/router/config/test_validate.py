"""What is refused before it is stored, with the field and what would have been right."""

import math
from collections.abc import Callable

import pytest
from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.router_pb2 import Router

from services.router.config.defaults import with_defaults
from services.router.config.problems import InvalidConfiguration
from services.router.config.validate import validate
from services.state.errors import ModelNotFound

MODELS = {"models/a", "models/b", "models/c"}


def router_of(*weights: float) -> Router:
    router = Router(name="routers/churn")
    for model, weight in zip("abc", weights, strict=False):
        router.variants.add(model=model, weight=weight)
    return router


def refused(router: Router, kind: type[Exception]) -> dict[str, str]:
    with pytest.raises(kind) as caught:
        validate(with_defaults(router), MODELS)
    return {fault.field: fault.description for fault in caught.value.fields}  # type: ignore[attr-defined]


def test_defaults_are_written_out() -> None:
    stored = with_defaults(Router(variants=[{"model": "a"}, {"model": "models/b"}]))
    validate(stored, MODELS)
    assert stored.WhichOneof("strategy") == "weighted"
    assert [(one.id, one.model, one.enabled) for one in stored.variants] == [
        ("a", "models/a", True),
        ("b", "models/b", True),
    ]
    assert stored.default_deadline.seconds == 30


@pytest.mark.parametrize("weight", [-1.0, 100.5, math.nan, math.inf])
def test_a_weight_outside_0_to_100_is_refused(weight: float) -> None:
    assert "router.variants[1].weight" in refused(router_of(1, weight), InvalidConfiguration)


@pytest.mark.parametrize("name", ["round_robin", "random"])
def test_a_weight_where_all_get_the_same_share_is_refused_by_its_field(name: str) -> None:
    router = Router(variants=[{"model": "a"}, {"model": "b", "weight": 1}])
    getattr(router, name).SetInParent()
    assert refused(router, InvalidConfiguration) == {
        "router.variants[1].weight": f"{name} shares evenly: leave it out, or use weighted"
    }
    router.variants[1].ClearField("weight")
    validate(with_defaults(router), MODELS)


@pytest.mark.parametrize("weight", [0.0, 100.0])
def test_the_ends_of_the_weights_range_are_allowed(weight: float) -> None:
    validate(with_defaults(router_of(1, weight)), MODELS)


def test_all_weights_zero_are_refused_even_if_a_disabled_variant_has_one() -> None:
    router = router_of(0, 0, 5)
    router.variants[2].enabled = False
    assert refused(router, InvalidConfiguration) == {
        "router.variants": "at least one enabled variant needs a weight above 0"
    }


def test_fewer_than_two_variants_are_refused() -> None:
    assert refused(router_of(1), InvalidConfiguration)["router.variants"] == "at least 2 are needed, got 1"


def test_fewer_than_two_enabled_variants_are_refused() -> None:
    router = router_of(1, 1)
    router.variants[0].enabled = False
    assert refused(router, InvalidConfiguration)["router.variants"] == "at least 2 must stay enabled"


def test_more_variants_than_the_limit_are_refused_and_the_limit_itself_is_not() -> None:
    router = Router(variants=[{"id": f"v{i}", "model": "a"} for i in range(64)])
    validate(with_defaults(router), MODELS)
    router.variants.add(id="v64", model="a")
    assert refused(router, InvalidConfiguration)["router.variants"] == "at most 64, got 65"


def test_an_unknown_model_is_named() -> None:
    router = router_of(1, 1)
    router.variants[1].model = "models/nobody"
    assert refused(router, ModelNotFound) == {"router.variants[1].model": "models/nobody is not registered"}


def test_two_variants_of_one_id_are_refused() -> None:
    router = Router(variants=[{"id": "x", "model": "a"}, {"id": "x", "model": "b"}])
    assert refused(router, InvalidConfiguration) == {
        "router.variants[1].id": "x is used twice; give each variant one of its own"
    }


def test_everything_wrong_is_told_at_once() -> None:
    router = router_of(-1, 101)
    router.tags.append("")
    assert set(refused(router, InvalidConfiguration)) == {
        "router.variants[0].weight",
        "router.variants[1].weight",
        "router.tags[0]",
    }


def test_a_canary_needs_no_variants_of_its_own() -> None:
    stored = with_defaults(Router(canary={"baseline_model": "a", "canary_model": "models/b"}))
    validate(stored, MODELS)
    assert [one.id for one in stored.variants] == ["a", "b"]
    assert stored.canary.canary_percentage == 10.0


def test_rules_need_no_variants_beside_the_models_that_they_name() -> None:
    rules = [{"condition": "true", "model": "models/b"}, {"condition": "true", "model": "a"}]
    given = Router(variants=[{"id": "first", "model": "a"}])
    given.feature_based.MergeFrom(strategy.FeatureBasedStrategy(rules=rules, default_model="b"))
    stored = with_defaults(given)
    validate(stored, MODELS)
    assert [one.id for one in stored.variants] == ["first", "b"]


def _bandit(router: Router) -> None:
    router.bandit.exploration_rate = 1.1


def _floor(router: Router) -> None:
    router.bandit.floor = 0.6


def _cap(router: Router) -> None:
    router.bandit.cap = 0.4


def _quorum(router: Router) -> None:
    router.ensemble.quorum = 3


def _member(router: Router) -> None:
    router.ensemble.members.append("zz")


def _percentage(router: Router) -> None:
    router.canary.baseline_model, router.canary.canary_model = "a", "b"
    router.canary.canary_percentage = 100.1


def _aggregation(router: Router) -> None:
    router.ensemble.aggregation = 99  # type: ignore[assignment]


def _reward_metric(router: Router) -> None:
    router.bandit.reward_metric = "nosuch"


def _range(router: Router) -> None:
    router.metrics.add(name="clicks", min_value=1, max_value=0)


def _accuracy(router: Router) -> None:
    router.metrics.add(name="accuracy", min_value=5, max_value=10)


def _failure(router: Router) -> None:
    router.failure_reward = -1


def _retention(router: Router) -> None:
    router.log.retention.FromSeconds(59)


def _endless(router: Router) -> None:
    router.log.retention.seconds = 2**62


def _torn(router: Router) -> None:
    router.default_deadline.seconds, router.default_deadline.nanos = 1, -5


def _positive(router: Router) -> None:
    router.task.labels.extend(["yes", "no"])
    router.task.positive_label = "zz"


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (_bandit, "router.bandit.exploration_rate"),
        (_floor, "router.bandit.floor"),
        (_cap, "router.bandit.cap"),
        (_quorum, "router.ensemble.quorum"),
        (_member, "router.ensemble.members[0]"),
        (_percentage, "router.canary.canary_percentage"),
        (_aggregation, "router.ensemble.aggregation"),
        (_reward_metric, "router.bandit.reward_metric"),
        (_range, "router.metrics[0].min_value"),
        (_accuracy, "router.metrics[0].min_value"),
        (_failure, "router.failure_reward"),
        (_retention, "router.log.retention"),
        (_endless, "router.log.retention"),
        (_torn, "router.default_deadline"),
        (_positive, "router.task.positive_label"),
    ],
)
def test_a_parameter_out_of_range_is_named(spoil: Callable[[Router], None], field: str) -> None:
    router = router_of(1, 1)
    spoil(router)
    assert field in refused(router, InvalidConfiguration)


def test_a_quorum_defaults_to_a_majority() -> None:
    router = router_of(1, 1, 1)
    router.ensemble.aggregation = strategy.AGGREGATION_METHOD_VOTE
    assert with_defaults(router).ensemble.quorum == 2


def test_an_alias_is_told_apart_from_a_bad_id() -> None:
    router = router_of(1, 1)
    router.variants[1].model = "models/b@champion"
    assert set(refused(router, ModelNotFound)) == {"router.variants[1].model"}
    validate(with_defaults(router), [*MODELS, "models/b@champion"])
    for bad in ("models/b@", "models/@champion", "models/b@c@d", "models/b@Champion"):
        router.variants[1].model = bad
        assert "router.variants[1].model" in refused(router, InvalidConfiguration)


def test_a_canary_may_be_named_by_its_model() -> None:
    router = Router(variants=[{"id": "old", "model": "a"}, {"id": "new", "model": "models/b"}])
    router.canary.baseline_model, router.canary.canary_model = "models/a", "b"
    stored = with_defaults(router)
    validate(stored, MODELS)
    assert (stored.canary.baseline_model, stored.canary.canary_model) == ("old", "new")


def test_a_disabled_member_does_not_count_for_the_quorum() -> None:
    router = router_of(1, 1, 1)
    router.variants[2].enabled = False
    router.ensemble.members.extend("abc")
    router.ensemble.quorum = 3
    told = refused(router, InvalidConfiguration)
    assert told == {"router.ensemble.quorum": "1 to 2, the number of enabled members; got 3"}


def test_a_vote_without_any_weight_is_refused() -> None:
    router = router_of(0, 0)
    router.ensemble.aggregation = strategy.AGGREGATION_METHOD_VOTE
    assert "router.variants" in refused(router, InvalidConfiguration)
