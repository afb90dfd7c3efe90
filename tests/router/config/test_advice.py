"""What is advised when a router is written, and that nobody is advised who needs none."""

from collections.abc import Callable
from typing import Any

import pytest
from turnout.router.v1 import strategy_pb2 as strategies
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import REDACTION_NONE, Router
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from services.router.config.advice import MOST_TOLD, advice
from services.router.config.defaults import with_defaults

VOTE = strategies.AGGREGATION_METHOD_VOTE
Change = Callable[[Router], None]


def models(*families: str, provider: str = "", seconds: int = 5) -> dict[str, Model]:
    """Models a, b, c and so on, of these families."""
    found = {}
    for name, family in zip("abcdefgh", families, strict=False):
        model = Model(name=f"models/{name}", family=family, provider=provider)
        model.timeout.FromSeconds(seconds)
        found[model.name] = model
    return found


DIFFERENT = models("tree", "boost", "linear")


def panel(*weights: float, **more: Any) -> Router:
    """A vote of members a, b, c."""
    made = Router(name="routers/jury", ensemble=EnsembleStrategy(aggregation=VOTE, **more))
    for name, weight in zip("abcdefgh", weights, strict=False):
        made.variants.add(model=name, weight=weight)
    return made


def told(router: Router, known: dict[str, Model] = DIFFERENT) -> list[str]:
    return advice(with_defaults(router), known)


def one(router: Router, known: dict[str, Model] = DIFFERENT) -> str:
    """The only sentence."""
    (sentence,) = told(router, known)
    return sentence


def test_three_different_members_of_equal_weight_need_no_advice() -> None:
    assert told(panel(1, 1, 1)) == []


@pytest.mark.parametrize(
    ("known", "what"),
    [
        (models("gpt", "GPT", "gpt"), "one family, gpt"),
        (models("x", "y", "z", provider="acme"), "one provider, acme"),
    ],
)
def test_members_of_one_family_or_provider_are_homogeneous(known: dict[str, Model], what: str) -> None:
    assert what in one(panel(1, 1, 1), known)


@pytest.mark.parametrize(
    "known", [models("gpt", "gpt", "x"), models("", "", ""), models("gpt", "", "gpt"), models("gpt", "gpt")]
)
def test_members_that_differ_or_do_not_say_are_not_called_homogeneous(known: dict[str, Model]) -> None:
    assert not any("homogeneous" in said for said in told(panel(1, 1, 1), known))


def test_members_that_are_one_model_are_told_so_once() -> None:
    router = panel(1, 1, 1)
    for place, variant in enumerate(router.variants):
        variant.model, variant.id = "a", f"v{place}"
    assert "one model, models/a" in one(router, models("gpt"))


@pytest.mark.parametrize("weights", [(2, 1, 1), (5, 1, 1), (3, 1), (1, 0, 0)])
def test_a_leader_whom_the_others_never_outvote_makes_a_kitchen_sink(weights: tuple[float, ...]) -> None:
    assert "kitchen sink: a has weight" in one(panel(*weights, quorum=1))


@pytest.mark.parametrize("weights", [(1.9, 1, 1), (2, 1.5, 1)])
def test_a_leader_who_can_be_outvoted_does_not(weights: tuple[float, ...]) -> None:
    assert told(panel(*weights)) == []


def test_weights_of_an_average_are_no_votes() -> None:
    router = panel(5, 1, 1)
    router.ensemble.aggregation = strategies.AGGREGATION_METHOD_WEIGHTED_AVERAGE
    assert told(router) == []


@pytest.mark.parametrize(("weights", "ties"), [((1, 1), True), ((1, 1, 1, 1), True), ((1, 1, 1), False)])
def test_an_even_number_of_votes_can_tie(weights: tuple[float, ...], ties: bool) -> None:
    known = models("a", "b", "c", "d")
    assert any("can tie" in said for said in told(panel(*weights, quorum=1), known)) is ties


@pytest.mark.parametrize(("quorum", "fragile"), [(3, True), (2, False)])
def test_a_quorum_of_all_is_fragile(quorum: int, fragile: bool) -> None:
    assert any("needs all of its 3" in said for said in told(panel(1, 1, 1, quorum=quorum))) is fragile


@pytest.mark.parametrize(("seconds", "slack"), [(29, False), (30, True), (60, True)])
def test_a_timeout_as_long_as_the_deadline_is_slack(seconds: int, slack: bool) -> None:
    known = models("tree", "boost", "linear", seconds=seconds)
    assert any("no time is left" in said for said in told(panel(1, 1, 1), known)) is slack
    tight = panel(1, 1, 1)
    tight.ensemble.member_timeout.FromSeconds(2)
    assert told(tight, known) == []


def test_a_member_without_any_timeout_is_named() -> None:
    known = models("tree", "boost", "linear")
    known["models/b"].ClearField("timeout")
    assert "without a timeout, b" in one(panel(1, 1, 1), known)


def test_an_ensemble_of_one_is_told_to_be_a_route() -> None:
    assert "asks one member" in one(panel(1, 1, 1, members=["b"], quorum=1))


def test_the_ensemble_of_a_policy_is_looked_at_too() -> None:
    router = panel(1, 1, 1)
    router.weighted.SetInParent()
    router.policies.add(name="vip", condition="true", ensemble=EnsembleStrategy(aggregation=VOTE, quorum=3))
    assert "The ensemble of policy vip needs all" in one(router)


def routed(**strategy: Any) -> Router:
    return Router(name="routers/r", variants=[{"model": "a"}, {"model": "b"}], **strategy)


def canary(**more: Any) -> Router:
    return with_defaults(routed(canary={"baseline_model": "a", "canary_model": "b", **more}))


def test_a_canary_that_nothing_ends_is_told_so() -> None:
    assert "neither promotion_criteria nor guardrails" in one(canary())
    assert told(canary(promotion_criteria={"metric": "accuracy", "min_samples": 100})) == []
    assert told(canary(guardrails=[{"metric": "accuracy", "max_regression": 0.1}])) == []


def test_a_variant_that_a_canary_leaves_out_is_told_of() -> None:
    guarded = {"guardrails": [{"metric": "accuracy", "max_regression": 0.1}]}
    made = canary(**guarded)
    made.variants.add(id="c", model="c", enabled=True)
    assert one(made) == "Nothing is sent to c: the canary has a and b, and nothing else names it."
    made.variants[2].enabled = False
    assert told(made) == []
    made.variants[2].enabled = True
    for use in (made.fallback, made.mirror):
        use.variants.append("c")
        assert not any("Nothing is sent" in said for said in told(made))
        del use.variants[:]


def test_what_a_canarys_settings_cost_is_told_with_its_number() -> None:
    criteria = {"metric": "accuracy", "min_samples": 1000}
    assert "in 76 to 80 % of trials; ANYTIME_VALID does so in at most 5 %" in one(
        canary(promotion_criteria=criteria, evidence="EVIDENCE_LITERAL")
    )
    assert "min_samples of 99 are few" in one(canary(promotion_criteria=criteria | {"min_samples": 99}))
    assert "GetCanary says what its rules would do" in one(canary(promotion_criteria=criteria, auto=False))
    # A label a second at 0.03 % takes 38 days to a thousand of them, at 0.04 % just 29.
    said = one(canary(promotion_criteria=criteria, canary_percentage=0.03))
    assert "At 0.03 % the canary has 1000 labels only after 3,333,333 predictions: 39 days" in said
    assert told(canary(promotion_criteria=criteria, canary_percentage=0.04)) == []


@pytest.mark.parametrize(
    ("bandit", "greedy"),
    [({"exploration_rate": 0.0}, True), ({"exploration_rate": 0.0, "floor": 0.05}, False), ({}, False)],
)
def test_a_bandit_that_never_explores_is_told_so(bandit: dict[str, float], greedy: bool) -> None:
    assert any("never explores" in said for said in told(routed(bandit=bandit))) is greedy


def test_a_split_that_gives_one_everything_is_told_so() -> None:
    router = routed(weighted={})
    router.variants[1].weight = 0
    assert "Only a has a weight above 0" in one(router)


def ruled(*rules: tuple[str, int]) -> Router:
    given = [{"condition": text, "priority": priority, "model": "a"} for text, priority in rules]
    return routed(feature_based={"rules": given, "default_model": "b"})


def test_a_rule_behind_one_with_the_same_condition_is_never_reached() -> None:
    assert one(ruled(("x > 1.0", 2), ("x>1.0", 1))) == (
        "Rule rules[0] is never reached: rules[1] has the same condition and comes before it."
    )
    assert told(ruled(("x > 1.0", 0), ("x > 2.0", 0))) == []
    assert told(ruled(("x == 'a b'", 0), ("x == 'ab'", 0))) == []


def test_what_comes_after_a_rule_that_always_holds_is_never_reached() -> None:
    assert told(ruled(("true", 1), ("x > 1.0", 2), ("y", 3))) == [
        "Rule rules[1] is never reached: rules[0] always holds before it.",
        "Rule rules[2] is never reached: rules[0] always holds before it.",
    ]


def test_policies_are_looked_at_in_their_order_unless_they_are_disabled() -> None:
    router = routed(weighted={})
    same = {"field": "tier", "operator": strategies.RULE_OPERATOR_EQUALS, "value": {"string_value": "gold"}}
    for name in ("one", "two"):
        router.policies.add(name=name, variant="a", rule=same)
    assert "Policy two is never reached: one" in one(router)
    router.policies[0].enabled = False
    assert told(router) == []


@pytest.mark.parametrize(
    ("expression", "redacted", "why"),
    [
        ("input.text", (), "what people write"),
        ("features['tier']", ("tier",), "reads tier, which log.redact holds back"),
        ("features['tier']", ("input",), "reads input, which"),
        ("entity_id", ("entity_id",), "reads entity_id, which"),
        ("attributes['plan']", ("plan",), "reads plan, which"),
        ("attributes['plan']", ("input",), ""),
        ("input.kind", (), ""),
    ],
)
def test_a_segment_of_what_is_held_back_elsewhere_is_told(
    expression: str, redacted: tuple[str, ...], why: str
) -> None:
    router = routed(weighted={}, segments=[{"name": "s", "expression": expression}])
    for name in redacted:
        router.log.redact[name] = REDACTION_NONE
    found = told(router)
    assert (why in found[0]) if why else found == []


def test_advice_has_an_end() -> None:
    many = ruled(*(("x > 1.0", 0) for _ in range(60)))
    assert len(told(many)) == MOST_TOLD


WEIGHED = [{"model": "a", "weight": 70}, {"model": "b", "weight": 30}]


@pytest.mark.parametrize(
    ("strategy", "how"),
    [
        ({"least_loaded": {}}, "by calls in flight, except that 0 means never"),
        ({"latency_based": {}}, "by latency, except that 0 means never"),
        ({"bandit": {}}, "by rewards, except that 0 means never"),
        ({"shadow": {"primary": "a"}}, "shadow chooses by its primary."),
        ({"complexity": {"small": "a", "large": "b"}}, "complexity chooses by what a request asks for."),
        (
            {"feature_based": {"rules": [{"condition": "x > 1.0", "model": "a"}], "default_model": "b"}},
            "rules",
        ),
    ],
)
def test_weights_that_nobody_reads_are_told(strategy: dict[str, Any], how: str) -> None:
    said = one(Router(variants=WEIGHED, **strategy))
    assert said.startswith("The weights of a, b do nothing: ")
    assert how in said


@pytest.mark.parametrize(
    "router",
    [
        Router(variants=[{"model": "a"}, {"model": "b"}], least_loaded={}),
        Router(variants=[{"model": "a"}, {"model": "b", "weight": 0}, {"model": "c"}], least_loaded={}),
        Router(variants=WEIGHED, weighted={}),
        # Where neither of the two may answer, the weights decide.
        Router(variants=[*WEIGHED, {"model": "c"}], complexity={"small": "a", "large": "b"}),
        Router(variants=WEIGHED, cost_aware={"min_quality": 0.5}),
        Router(
            variants=WEIGHED,
            least_loaded={},
            policies=[{"name": "p", "condition": "x > 1.0", "strategy": {"weighted": {}}}],
        ),
    ],
)
def test_weights_that_are_read_or_not_given_need_no_advice(router: Router) -> None:
    assert told(router) == []


def test_weights_beside_a_canary_do_nothing() -> None:
    canary = {"baseline_model": "a", "canary_model": "b", "promotion_criteria": {"min_samples": 100}}
    said = one(Router(variants=WEIGHED, canary=canary))
    assert said == "The weights of a, b do nothing: canary chooses by its percentage."


def test_policies_whose_variants_are_all_disabled_are_told() -> None:
    actions: list[dict[str, Any]] = [
        {"variant": "c"},
        {"subset": {"variants": ["models/c"]}},
        {"strategy": {"random": {}, "variants": ["c"]}},
    ]
    router = Router(variants=[{"model": "a"}, {"model": "b"}, {"model": "c", "enabled": False}])
    for place, action in enumerate(actions):
        router.policies.add(name=f"p{place}", condition=f"x > {place}.0", **action)
    router.policies.add(name="off", condition="x > 7.0", variant="c", enabled=False)
    router.policies.add(name="on", condition="x > 8.0", subset={"variants": ["b", "c"]})
    said = told(router)
    assert [sentence.split()[1] for sentence in said] == ["p0", "p1", "p2"]
    assert all("is passed over: nobody whom it names (c) is enabled" in sentence for sentence in said)


CANARY = {"baseline_model": "a", "canary_model": "b", "promotion_criteria": {"min_samples": 100}}


@pytest.mark.parametrize(
    ("strategy", "action", "why"),
    [
        ({}, {"subset": {"variants": ["c"]}}, "has a weight above 0"),
        ({}, {"strategy": {"weighted": {}, "variants": ["c"]}}, "has a weight above 0"),
        ({}, {"strategy": {"round_robin": {}, "variants": ["c"]}}, "has a weight above 0"),
        ({"canary": CANARY}, {"subset": {"variants": ["c"]}}, "is of the canary, which has a and b"),
        ({"shadow": {"primary": "a"}}, {"subset": {"variants": ["c"]}}, "is the primary, which is a"),
    ],
)
def test_a_policy_that_leads_to_nobody_is_told(
    strategy: dict[str, Any], action: dict[str, Any], why: str
) -> None:
    router = Router(variants=[{"model": "a"}, {"model": "b"}, {"model": "c", "weight": 0}], **strategy)
    router.policies.add(name="p", condition="x > 1.0", **action)
    assert any(f"Policy p is passed over: nobody whom it names (c) {why};" in said for said in told(router))
    # Whoever has a share there leads somewhere.
    policy = router.policies[0]
    (policy.subset if "subset" in action else policy.strategy).variants.append("a")
    assert not any("passed over" in said for said in told(router))


def test_a_policy_that_names_one_whose_weight_is_0_leads_to_it() -> None:
    router = Router(variants=[{"model": "a"}, {"model": "b", "weight": 0}, {"model": "c"}])
    router.policies.add(name="p", condition="x > 1.0", variant="b")
    assert told(router) == []


@pytest.mark.parametrize("name", ["least_loaded", "latency_based"])
def test_a_hash_over_shares_of_the_moment_keeps_nobodys_variant(name: str) -> None:
    router = Router(variants=[{"model": "a"}, {"model": "b"}], stickiness={"enabled": True}, **{name: {}})  # type: ignore[arg-type]  # by field
    assert one(router).startswith(f"Stickiness keeps nobody's variant here: {name} has other shares")
    router.stickiness.pin = True
    assert told(router) == []


def test_a_fallback_that_is_never_asked_is_told() -> None:
    fallback = {"variants": ["b"], "max_attempts": 1}
    router = Router(variants=[{"model": "a"}, {"model": "b"}], fallback=fallback)
    assert one(router).startswith("The fallback's variants are never asked: max_attempts of 1")
    router.fallback.max_attempts = 2
    assert told(router) == []


def test_hedging_that_has_nobody_to_race_is_told() -> None:
    known = models("tree", "boost")
    for place, model in enumerate(known.values()):
        for port in range(place + 1):
            model.endpoints.add(address=f"127.0.0.1:{port + 1}")
    router = Router(variants=[{"model": "a"}, {"model": "b"}], hedging={"enabled": True})
    assert one(router, known).startswith("Hedging does nothing for a: one endpoint each, and no other")
    router.fallback.variants.append("a")
    # Nobody races itself.
    assert one(router, known).startswith("Hedging does nothing for a: ")
    router.fallback.variants.append("b")
    assert told(router, known) == []
