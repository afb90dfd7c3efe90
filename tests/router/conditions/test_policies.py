"""Rules in order: priorities, errors, and what is settled before a request comes."""

from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1 import model_pb2, router_pb2, strategy_pb2
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.router.conditions import Columns, Given, Kind, Match, Rule, Rules, Schema, compile_condition
from services.router.conditions.names import MEASURES
from services.router.conditions.requests import RequestView
from services.router.conditions.wire import feature_rules_of, measures_of, policies_of, schema_of
from services.router.config.choosers import METRICS, QUALITIES
from services.router.deciding.terms import measured_of
from services.router.strategies.state import LESS_IS_BETTER

GOLD = Given(attributes=Columns(tier="gold"), numeric=Columns())


def rules(*conditions: str, priorities: tuple[int, ...] = ()) -> Rules:
    return Rules(
        Rule(f"p{place}", place, compile_condition(text, Schema()), (priorities or (0,) * 9)[place])
        for place, text in enumerate(conditions)
    )


def chosen(match: Match) -> tuple[str | None, list[str]]:
    return match.rule.name if match.rule else None, list(match.errors)


def test_the_first_that_holds_decides() -> None:
    assert chosen(rules("tier == 'silver'", "tier == 'gold'", "true").first(GOLD)) == ("p1", [])


def test_none_holds() -> None:
    assert chosen(rules("tier == 'silver'").first(GOLD)) == (None, [])
    assert chosen(rules().first(GOLD)) == (None, [])
    assert not rules()


def test_priority_one_goes_before_two_and_equals_as_declared() -> None:
    asked = rules("true", "true", "true", "true", priorities=(2, 1, 1, 0))
    assert [rule.name for rule in asked.rules] == ["p3", "p1", "p2", "p0"]
    assert chosen(rules("true", "true", priorities=(2, 1)).first(GOLD)) == ("p1", [])


def test_a_rule_in_error_does_not_match_and_is_named() -> None:
    assert chosen(rules("amount > 3", "tier > 3", "tier == 'gold'", "true").first(GOLD)) == (
        "p2",
        ["p0", "p1"],
    )
    assert chosen(rules("amount > 3").first(GOLD)) == (None, ["p0"])


def test_an_error_that_does_not_matter_is_none() -> None:
    assert chosen(rules("amount > 3 && tier == 'silver'", "amount > 3 || true").first(GOLD)) == ("p1", [])


def test_every_answer_can_be_explained() -> None:
    found = rules("tier == 'silver'", "amount > 3", "tier == 'gold'", "true").answers(GOLD)
    assert [(one.name, one.holds) for one in found] == [
        ("p0", False),
        ("p1", False),
        ("p2", True),
        ("p3", True),
    ]
    assert "amount is absent" in found[1].error
    assert not found[0].error


def test_what_depends_on_no_request_is_settled_once() -> None:
    asked = rules(
        "metrics('a').accuracy < 0.9",
        "metrics('b').accuracy < 0.9",
        "tier == 'silver'",
        "drift('a') == 'alert'",
        "tier == 'gold'",
    )
    degraded = Given(metrics={"models/a": {"accuracy": 0.95}}.get, drift={"models/a": "alert"}.get)
    settled = asked.settled(degraded)
    # The request itself knows nothing of models: what was settled stays so.
    assert chosen(settled.first(GOLD)) == ("p3", ["p1"])
    assert [rule.name for rule in settled.rules] == ["p1", "p2", "p3"]
    assert chosen(asked.settled(Given()).first(GOLD)) == ("p4", ["p0", "p1", "p3"])
    assert "metrics.models/b" in asked.names


def router() -> Router:
    made = Router(
        name="routers/churn",
        variants=[{"id": "a", "model": "models/a"}, {"id": "b", "model": "models/b"}],
        attributes={"image_type": router_pb2.ATTRIBUTE_TYPE_TEXT, "limit": router_pb2.ATTRIBUTE_TYPE_NUMBER},
        allowed_headers=["x-tier"],
    )
    made.policies.add(name="late", priority=2, condition="image_type == 'medical'", variant="a")
    made.policies.add(name="off", priority=1, condition="true", variant="a", enabled=False)
    rule = made.policies.add(name="early", priority=1, variant="b", enabled=True).rule
    rule.field, rule.operator = "amount", strategy_pb2.RULE_OPERATOR_IN
    rule.value.list_value.values.add(number_value=3)
    for condition, model in (("contract_type == 'enterprise'", "a"), ("amount > 1.0", "b")):
        made.feature_based.rules.add(condition=condition, model=model)
    return made


def models() -> dict[str, Model]:
    made = {name: Model(name=name) for name in ("models/a", "models/b")}
    numeric, categorical = model_pb2.FEATURE_KIND_NUMERIC, model_pb2.FEATURE_KIND_CATEGORICAL
    made["models/a"].signature.features.add(name="amount", kind=numeric)
    made["models/a"].signature.features.add(name="region", kind=numeric)
    made["models/b"].signature.features.add(name="contract_type", kind=categorical)
    made["models/b"].signature.features.add(name="region", kind=categorical)
    return made


def test_the_schema_is_the_union_of_what_the_models_read() -> None:
    schema = schema_of(router(), models())
    assert schema.features == {
        "amount": Kind.NUMBER,
        "contract_type": Kind.TEXT,
        # The models disagree: the request decides.
        "region": Kind.FREE,
    }
    assert schema.attributes == {"image_type": Kind.TEXT, "limit": Kind.NUMBER}
    assert set(schema.headers) == {"x-tier"}
    assert schema_of(router(), {}).features == {}


def test_policies_are_made_from_messages_without_the_disabled_ones() -> None:
    schema = schema_of(router(), models())
    made = policies_of(router(), schema)
    assert [(rule.name, rule.action) for rule in made.rules] == [("early", 2), ("late", 0)]
    assert chosen(made.first(Given(numeric=Columns(amount=3.0)))) == ("early", [])
    asked = RequestView(schema, Input(text="x"), {"image_type": "medical"}, "", 0.0)
    assert chosen(made.first(asked)) == ("late", ["early"])


def test_feature_rules_are_made_from_messages() -> None:
    made = feature_rules_of(router(), schema_of(router(), models()))
    given = Given(numeric=Columns(amount=3.0), categorical=Columns(contract_type="consumer"))
    assert chosen(made.first(given)) == ("rules[1]", [])


def test_published_metrics_keep_what_is_not_measured_apart_from_zero() -> None:
    published = ModelMetrics(accuracy=0.0, labels=12, latency_p95_ms=7.5)
    silent = dict.fromkeys(("requests", "scored", "numbers", "panels"), 0)
    assert measures_of(published) == {"accuracy": 0.0, "labels": 12, "latency_p95": 7.5, **silent}


def test_whatever_a_router_may_be_steered_by_is_published_and_rests_on_samples() -> None:
    published = ModelMetrics()
    for field in ModelMetrics.DESCRIPTOR.fields:
        if field.cpp_type in (field.CPPTYPE_DOUBLE, field.CPPTYPE_INT64):
            setattr(published, field.name, 7)
    told = measures_of(published)
    assert told.keys() == MEASURES.keys()
    assert {*METRICS} == {name for name, kind in MEASURES.items() if kind is Kind.NUMBER}
    published.labels, published.scored, published.numbers, published.panels = 1, 2, 3, 4
    rests = {name: one.samples for name, one in measured_of(published, None).items() if name in METRICS}
    assert rests == dict.fromkeys(METRICS, 7) | {
        **dict.fromkeys(("accuracy", "f1", "precision", "recall"), 1),
        "log_loss": 2,
        **dict.fromkeys(("mae", "rmse"), 3),
        "agreement": 4,
    }
    assert {*METRICS} - {*QUALITIES} == LESS_IS_BETTER
