"""Cascades, judges and graphs as they are written: what is refused, by which field, and by both services."""

from typing import Any

import pytest
from turnout.aggregator.v1.aggregator_service_pb2 import Plan
from turnout.router.v1.router_pb2 import Router

from services.aggregator.errors import InvalidPlan
from services.aggregator.wire.plans import read_plan
from services.router.config.defaults import with_defaults
from services.router.config.problems import InvalidConfiguration
from services.router.config.validate import validate
from tests.router.config.juries import CHATS, DECLARED, DOCTORS, GAUGES, REFEREE, accepted, ensemble, refused

VERIFIER = {"helper": REFEREE}
SIEVE = {"helper": {"model": "filter"}, "accept_labels": ["yes"]}
CLOSED = {"properties": {"score": {"type": "string"}}, "additionalProperties": False}
LONG = "x" * 32_769
FIELD = {"type": "object", "properties": {"answer": {"type": "string"}}}


def cascade(**more: Any) -> dict[str, Any]:
    return {"cascade": more}


def judge(check: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"judge": {"check": check, **more}}


def deep(levels: int) -> dict[str, Any]:
    """A schema of so many objects within each other."""
    found: dict[str, Any] = {"type": "object"}
    for _ in range((levels - 1) // 2):
        found = {"properties": {"in": found}}
    return found if levels % 2 else {"default": found}


def step(name: str, variant: str = "chat-a", **more: Any) -> dict[str, Any]:
    return {"name": name, "variant": variant, **more}


def graph(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"specialists": {"steps": list(steps), **more}}


PLACE = "specialists.steps[1].template"


def reading(variant: str, template: str) -> dict[str, Any]:
    """A step of somebody, and a second one that speaks of its answer."""
    return graph(step("a", variant), step("last", variant, template=template))


RIGHT: list[dict[str, Any]] = [
    cascade(),
    cascade(min_confidence=0, order=CHATS[:2]),
    cascade(min_confidence=1, agreement=3),
    cascade(agreement=2, check={"cel": "size(text) > 2 || json.score >= 0.5"}),
    judge({"verifier": VERIFIER | {"verdict_schema": deep(28)}}),
    judge({"json_schema": deep(30)}),
    judge({"json_schema": {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"items": {"$ref": "#"}}}}}),
    judge({"json_schema": {"$ref": "#here", "$defs": {"b": {"$anchor": "here"}}}}),
    judge({"verifier": VERIFIER}, max_rounds=10, tell_reason=True, order=CHATS[::-1]),
    judge({"verifier": VERIFIER | {"rubric": LONG[1:], "min_score": 1}}),
    judge({"verifier": VERIFIER | {"accept_pointer": "/score", "verdict_schema": FIELD}}),
    judge({"json_schema": FIELD, "on_failure": "CHECK_FAILURE_ACCEPT"}, max_rounds=1),
    judge({"verifier": SIEVE}),
    judge({"verifier": SIEVE | {"accept_pointer": "/accept", "min_score": 0.5}}),
    graph(step("only")),
    graph(
        step("a", optional=True),
        step("b", "chat-b", template='Say {a.text} and {input} as {"a": 1}'),
        step("c", "chat-c", template="{a.text} {b#/items/0}"),
        output="c",
    ),
    graph(*(step(f"s{n}", template=f"{{s{n - 1}}}" if n else "") for n in range(32))),
    {"best_of_n": {"judge": REFEREE, "rubric": LONG[1:]}},
    {"mixture_of_n": {"fuser": REFEREE, "instruction": "Be brief."}},
]

WRONG: list[tuple[dict[str, Any], str]] = [
    (cascade(order=["chat-a", "chat-a"]), "cascade.order[1]"),
    (cascade(order=["chat-a", "nobody"]), "cascade.order[1]"),
    (cascade(min_confidence=1.1), "cascade.min_confidence"),
    (cascade(min_confidence=-0.1), "cascade.min_confidence"),
    (cascade(agreement=1), "cascade.agreement"),
    (cascade(agreement=4), "cascade.agreement"),
    (cascade(agreement=3, order=CHATS[:2]), "cascade.agreement"),
    (cascade(on_exhausted=9), "cascade.on_exhausted"),
    (cascade(check={}), "cascade.check"),
    (cascade(check={"cel": "text ="}), "cascade.check.cel"),
    (cascade(check={"cel": ""}), "cascade.check.cel"),
    (cascade(check={"cel": "texts == 'a'"}), "cascade.check.cel"),
    (cascade(check={"cel": "json.all(x, x > 1)"}), "cascade.check.cel"),
    (cascade(check={"cel": "text == '" + "x" * 1024 + "'"}), "cascade.check.cel"),
    (judge({}), "judge.check"),
    ({"judge": {}}, "judge.check"),
    (judge({"json_schema": FIELD}, max_rounds=0), "judge.max_rounds"),
    (judge({"json_schema": FIELD}, max_rounds=11), "judge.max_rounds"),
    (judge({"json_schema": {"type": "strnig"}}), "judge.check.json_schema"),
    (judge({"json_schema": {"$ref": "https://example.com/schema"}}), "judge.check.json_schema"),
    (judge({"json_schema": {"items": {"$ref": "#/$defs/a"}, "$defs": {"b": {}}}}), "judge.check.json_schema"),
    (judge({"json_schema": {"pattern": "(?=x)"}}), "judge.check.json_schema"),
    (judge({"cel": "confidence"}), "judge.check.cel"),
    (judge({"cel": "text == 'x' ? 1 : 2"}), "judge.check.cel"),
    (judge({"json_schema": {"patternProperties": {"a": {}}}}), "judge.check.json_schema"),
    (judge({"json_schema": FIELD, "on_failure": 7}), "judge.check.on_failure"),
    (judge({"verifier": VERIFIER | {"rubric": LONG}}), "judge.check.verifier.rubric"),
    (judge({"verifier": VERIFIER | {"min_score": 1.5}}), "judge.check.verifier.min_score"),
    (judge({"verifier": VERIFIER | {"accept_pointer": "accept"}}), "judge.check.verifier.accept_pointer"),
    (judge({"verifier": VERIFIER | {"accept_pointer": "/score"}}), "judge.check.verifier.accept_pointer"),
    (
        judge({"verifier": VERIFIER | {"verdict_schema": {"type": 3}}}),
        "judge.check.verifier.verdict_schema",
    ),
    (judge({"verifier": VERIFIER | {"verdict_schema": deep(29)}}), "judge.check.verifier.verdict_schema"),
    (judge({"json_schema": deep(31)}), "judge.check.json_schema"),
    (judge({"verifier": {}}), "judge.check.verifier.helper.model"),
    (graph(), "specialists.steps"),
    (graph(*(step(f"s{n}") for n in range(33))), "specialists.steps"),
    (graph(step("1a")), "specialists.steps[0].name"),
    (graph(step("input")), "specialists.steps[0].name"),
    (graph(step("a"), step("a", template="{a}")), "specialists.steps[1].name"),
    (graph(step("a", "nobody")), "specialists.steps[0].variant"),
    (graph(step("a"), output="b"), "specialists.output"),
    (graph(step("a", optional=True)), "specialists.steps[0].optional"),
    (graph(step("a", template="{b}"), step("b", template="{a}")), "specialists.steps"),
    (graph(step("a", template="{a}")), "specialists.steps"),
    (graph(step("a", template="{c.text}")), "specialists.steps[0].template"),
    (graph(step("a"), step("b", template="{a.colour}")), "specialists.steps[1].template"),
    (graph(step("a"), step("b", columns={"x": "a#items"})), "specialists.steps[1].columns['x']"),
    (graph(step("a"), step("b", columns={"x": "input."})), "specialists.steps[1].columns['x']"),
    (graph(step("a", template="{input}", columns={"x": "input"})), "specialists.steps[0].columns"),
    (graph(step("a", template=LONG)), "specialists.steps[0].template"),
    (graph(step("a"), step("b")), "specialists.steps[0]"),
    ({"best_of_n": {"judge": REFEREE, "rubric": LONG}}, "best_of_n.rubric"),
    ({"best_of_n": {}}, "best_of_n.judge.model"),
    ({"mixture_of_n": {"fuser": REFEREE, "instruction": LONG}}, "mixture_of_n.instruction"),
    ({"aggregation": "AGGREGATION_METHOD_CASCADE", "judge": {"check": {"cel": "true"}}}, "aggregation"),
]
IDS = [field for _, field in WRONG]


@pytest.mark.parametrize("given", RIGHT)
def test_a_sound_pattern_is_accepted(given: dict[str, Any]) -> None:
    accepted(given)


@pytest.mark.parametrize(("given", "field"), WRONG, ids=IDS)
def test_an_unsound_one_is_refused_by_its_field(given: dict[str, Any], field: str) -> None:
    assert field in refused(given)


def planned(given: dict[str, Any]) -> Plan:
    plan = Plan(ensemble=with_defaults(ensemble(given)).ensemble)
    for name in CHATS:
        plan.members.add(variant=name, model=name)
    return plan


@pytest.mark.parametrize("given", RIGHT)
def test_the_aggregator_runs_what_is_accepted(given: dict[str, Any]) -> None:
    read_plan(planned(given))


@pytest.mark.parametrize(("given", "field"), WRONG, ids=IDS)
def test_the_aggregator_refuses_what_is_refused(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidPlan):
        read_plan(planned(given))


def test_what_an_extraction_finds_in_a_text_may_be_anything() -> None:
    found = {"extraction": {"labels": {"labels": ["yes", "no"]}}}
    accepted(judge({"cel": "label == 'yes'"}) | found)
    accepted(reading("chat-a", "{a.label}") | found)
    assert PLACE in refused(reading("chat-a", "{a.label}"))


@pytest.mark.parametrize(
    "cel",
    [
        "json",
        "timestamp(json.at).getFullYear() > 2020",
        "has(json.a)",
        "input.sure",
        "json.fine",
        "label == 'x' ? true : confidence > 0.5",
    ],
)
def test_a_condition_that_may_be_true_is_accepted(cel: str) -> None:
    accepted(judge({"cel": cel}), DOCTORS if "label" in cel else CHATS)


def test_a_schema_may_be_so_large() -> None:
    told = refused(judge({"json_schema": {"description": "x" * 65_536}}))
    assert "at most 65536 bytes" in told["judge.check.json_schema"]


@pytest.mark.parametrize(
    ("given", "members", "field", "said"),
    [
        (judge({"json_schema": FIELD}), DOCTORS, "judge.check.json_schema", "labels, where there is no json"),
        (judge({"cel": "value > 3.0"}), DOCTORS, "judge.check.cel", "reads value, and the members answer"),
        (
            judge({"verifier": {"helper": {"model": "embedder"}}}),
            CHATS,
            "judge.check.verifier.helper.model",
            "embeds",
        ),
        (
            judge({"verifier": {"helper": {"model": "filter"}}}),
            CHATS,
            "judge.check.verifier.accept_labels",
            "required",
        ),
        (
            judge({"verifier": VERIFIER | {"accept_labels": ["yes"]}}),
            CHATS,
            "judge.check.verifier.accept_labels",
            "left out: models/referee is a chat model, whose verdict",
        ),
        *(
            (
                judge({"verifier": SIEVE | given}),
                CHATS,
                f"judge.check.verifier.{name}",
                "left out: models/filter is a classifier, which is asked no more than the answer",
            )
            for given, name in (
                ({"rubric": "Be strict."}, "rubric"),
                ({"min_score": 0.7}, "min_score"),
                ({"verdict_schema": {}}, "verdict_schema"),
                ({"verdict_schema": {}, "accept_pointer": "/ok"}, "accept_pointer"),
            )
        ),
        (
            judge({"verifier": {"helper": {"model": "filter"}, "accept_labels": ["good"]}}),
            CHATS,
            "judge.check.verifier.accept_labels",
            "no or yes",
        ),
        ({"best_of_n": {"judge": {"model": "filter"}}}, CHATS, "best_of_n.judge.model", "a judge is a chat"),
        (reading("doctor-a", "{a.value}"), DOCTORS, PLACE, "answers labels, where there is no value"),
        (reading("doctor-a", "{a#/x}"), DOCTORS, PLACE, "answers labels, where there is no json"),
        (reading("gauge-a", "{a.probabilities.no}"), GAUGES, PLACE, "numbers and tells no probabilities"),
        (reading("chat-a", "{a.confidence}"), CHATS, PLACE, "answers text and tells no confidence"),
        (reading("chat-a", "{b}"), CHATS, PLACE, "a reference begins with input or the name of a step (a, "),
        ({"mixture_of_n": {"fuser": {"model": "filter"}}}, CHATS, "mixture_of_n.fuser.model", "a fuser is"),
        (reading("doctor-a", "{a.probabilities.maybe}"), DOCTORS, PLACE, "no or yes after a.probabilities."),
        (
            {"best_of_n": {"judge": REFEREE | {"overrides": {"system_prompt": "Be kind."}}}},
            CHATS,
            "best_of_n.judge.overrides.system_prompt",
            "left out: what a helper is told is its rubric",
        ),
        (judge({"cel": "confidence > 0.5"}), CHATS, "judge.check.cel", "no member tells one: declare"),
        (judge({"cel": "probabilities.yes > 0.5"}), CHATS, "judge.check.cel", "no member tells one: declare"),
        (
            graph(step("a", "doctor-a"), step("b", "table", columns={"x": "a.label"})),
            ["doctor-a", "table"],
            "specialists.steps[1].columns['x']",
            "a number, which models/table reads there; got a.label",
        ),
        (
            judge({"verifier": {"helper": {"model": "gauge-a"}, "accept_labels": ["yes"]}}),
            CHATS,
            "judge.check.verifier.helper.model",
            "models/gauge-a answers numbers",
        ),
        (
            judge({"verifier": {"helper": {"model": "table"}, "accept_labels": ["yes"]}}),
            CHATS,
            "judge.check.verifier.helper.model",
            "models/table reads columns",
        ),
        (cascade(agreement=2), GAUGES, "cascade.agreement", "numbers, of which no two are the same"),
        (
            graph(step("a", template="{input}"), step("b", columns={"x": "a"})),
            CHATS,
            "specialists.steps[1].columns",
            "models/chat-a declares no columns",
        ),
        (
            graph(step("a"), step("b", "table", template="{a}")),
            [*CHATS, "table"],
            "specialists.steps[1].template",
            "columns, which models/table reads",
        ),
    ],
)
def test_what_the_models_cannot_do_is_refused(
    given: dict[str, Any], members: list[str], field: str, said: str
) -> None:
    assert said in refused(given, members)[field]


def test_columns_are_for_those_who_read_columns() -> None:
    read = step("b", "table", columns={"x": "a.confidence"})
    accepted(graph(step("a", "doctor-a"), read), ["doctor-a", "table"])
    accepted(reading("doctor-a", "{a.probabilities.yes}"), DOCTORS)
    accepted(cascade(agreement=2), ["gauge-a", "doctor-a", "doctor-b"])


def without_the_first(given: dict[str, Any]) -> Router:
    """Its first variant is disabled."""
    router = ensemble(given)
    router.variants[0].enabled = False
    return with_defaults(router)


def test_an_order_goes_on_without_a_disabled_member_and_a_step_cannot() -> None:
    validate(without_the_first(cascade(order=CHATS)), DECLARED, DECLARED)
    nobody = without_the_first(cascade(order=CHATS[:1]))
    with pytest.raises(InvalidConfiguration, match=r"cascade\.order: at least one"):
        validate(nobody, DECLARED, DECLARED)
    halved = without_the_first(graph(step("a"), step("b", "chat-b", template="{a}")))
    with pytest.raises(InvalidConfiguration, match=r"steps\[0\]\.variant"):
        validate(halved, DECLARED, DECLARED)


@pytest.mark.parametrize(
    ("how", "field"),
    [
        *(
            (judge({"cel": text}), "judge.check.cel")
            for text in (
                "", " ", "text =", "txt == 'a'", "text == '''a'''", "json.all(x, x > 1)",
                "lower(text) == 'a'", "text.lowerAscii() == 'a'", "text > 3", "size(text) > 'a'", "!text",
                "text == 'x' || nosuch(1)",
                "size(text) > 1 && " * 20 + "size(text) > 1", "text == '" + "x" * 1024 + "'", "has(text)",
            )
        ),
        (judge({"json_schema": {"items": {"$ref": "#/$defs/a"}}}), "judge.check.json_schema"),
        *(
            (judge({"verifier": VERIFIER | given}), "judge.check.verifier.verdict_schema")
            for given in (
                {"verdict_schema": CLOSED},
                {"verdict_schema": CLOSED, "accept_pointer": "/score"},
                {"verdict_schema": {"type": "array"}},
                {"verdict_schema": {"$ref": "#/$defs/v", "$defs": {"v": CLOSED}}},
            )
        ),
        *(({"max_cost": limit}, "max_cost") for limit in (0.0, -1.0, "NaN", "Infinity")),
    ],
)  # fmt: skip
def test_both_services_refuse_in_the_same_words(how: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidPlan) as caught:
        read_plan(planned(how))
    told = {one.field.removeprefix("plan.ensemble."): one.description for one in caught.value.fields}
    assert refused(how)[field] == told[field]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"best_of_n": {"judge": REFEREE}}, "best_of_n.judge"),
        ({"mixture_of_n": {"fuser": REFEREE}}, "mixture_of_n.fuser"),
        (judge({"verifier": VERIFIER}), "judge.check.verifier"),
        (cascade(check={"verifier": VERIFIER}), "cascade.check.verifier"),
    ],
)
def test_nobody_judges_answers_without_words(given: dict[str, Any], field: str) -> None:
    for kind, member in (("tensors", "raw"), ("embedding", "embedder")):
        told = refused(given, ["chat-a", member])
        assert list(told) == [field]
        assert told[field].endswith(f"; {member} (models/{member}) answers {kind}")
        accepted(given, ["chat-a", "gauge-a", "doctor-a"])
