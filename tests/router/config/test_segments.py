"""Segments are checked when they are written, each limit from both sides."""

from typing import Any

import pytest
from turnout.router.v1.model_pb2 import FEATURE_KIND_CATEGORICAL, FEATURE_KIND_NUMERIC, Model
from turnout.router.v1.router_pb2 import ATTRIBUTE_TYPE_BOOL, Router

from services.router.config.defaults import with_defaults
from services.router.config.problems import InvalidConfiguration
from services.router.config.validate import validate

KNOWN = Model(name="models/a")
KNOWN.signature.features.add(name="amount", kind=FEATURE_KIND_NUMERIC)
KNOWN.signature.features.add(name="tier", kind=FEATURE_KIND_CATEGORICAL)
MODELS = {"models/a": KNOWN, "models/b": Model(name="models/b")}


def router(*segments: dict[str, Any]) -> Router:
    made = Router(name="routers/churn", variants=[{"model": "a"}, {"model": "b"}], segments=segments)
    made.attributes["vip"] = ATTRIBUTE_TYPE_BOOL
    made.allowed_headers.append("x-region")
    return made


def refused(*segments: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidConfiguration) as caught:
        validate(with_defaults(router(*segments)), MODELS, MODELS)
    return {fault.field: fault.description for fault in caught.value.fields}


def taken(*segments: dict[str, Any]) -> Router:
    stored = with_defaults(router(*segments))
    validate(stored, MODELS, MODELS)
    return stored


def segment(name: str = "tier", expression: str = "tier", **more: Any) -> dict[str, Any]:
    return {"name": name, "expression": expression, **more}


def test_twenty_values_are_told_apart_unless_the_router_says_otherwise() -> None:
    stored = taken(segment(), segment("size", "amount > 1000 ? 'large' : 'small'", max_values=2))
    assert [one.max_values for one in stored.segments] == [20, 2]


@pytest.mark.parametrize("most", [1, 100])
def test_the_least_and_the_most_values_are_taken(most: int) -> None:
    assert taken(segment(max_values=most)).segments[0].max_values == most


@pytest.mark.parametrize("most", [0, -1, 101])
def test_fewer_or_more_values_are_refused(most: int) -> None:
    assert refused(segment(max_values=most)) == {"router.segments[0].max_values": f"1 to 100, got {most}"}


def test_eight_segments_are_taken_and_a_ninth_is_refused() -> None:
    eight = [segment(f"s{number}") for number in range(8)]
    taken(*eight)
    assert refused(*eight, segment("s8")) == {"router.segments": "at most 8, got 9"}


@pytest.mark.parametrize("name", ["a", "x" * 63, "Customer_type-2"])
def test_a_name_is_letters_digits_and_two_signs(name: str) -> None:
    taken(segment(name))


@pytest.mark.parametrize("name", ["", "x" * 64, "a=b", "a b", "é", "a.b"])
def test_another_name_is_refused(name: str) -> None:
    assert "router.segments[0].name" in refused(segment(name))


def test_a_name_is_used_once() -> None:
    assert refused(segment(), segment(expression="amount")) == {
        "router.segments[1].name": "tier is used twice"
    }


@pytest.mark.parametrize(
    "expression", ["tier", "amount", "vip", "headers['x-region']", "attributes['plan']", "now.getHours()"]
)
def test_an_expression_reads_what_conditions_read_of_a_request(expression: str) -> None:
    taken(segment(expression=expression))


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "is empty"),
        ("teir", "does not know 'teir'"),
        ("now", "it must be text, a number, true or false"),
        ("headers['authorization']", "router.allowed_headers has: x-region"),
        ("metrics('a').accuracy", "say nothing of a request"),
        ("tier.map(x, x)", "comprehensions are not allowed"),
        ("'" + "x" * 1023 + "'", "at most 1024"),
        ("(" * 25 + "tier" + ")" * 25, "brackets"),
    ],
)
def test_a_bad_expression_is_refused_by_its_field(expression: str, why: str) -> None:
    assert why in refused(segment(expression=expression))["router.segments[0].expression"]


def test_regular_expressions_are_bounded_together() -> None:
    greedy = " || ".join(f"tier.matches('[a-z]{{{250 + number}}}$')" for number in range(12))
    many = [segment(f"s{number}", greedy) for number in range(8)]
    taken(many[0])
    assert "20000 instructions together" in refused(*many)["router.segments"]
