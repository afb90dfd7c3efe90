"""Every field of an ensemble: what is accepted, what is refused by its exact name, and the defaults."""

import math
from typing import Any

import pytest
from turnout.router.v1 import ensemble_pb2, strategy_pb2
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from services.aggregator.combiners import kinds
from services.router.config import combining
from services.router.config.defaults import with_defaults
from services.router.config.problems import InvalidConfiguration
from services.router.config.validate import validate
from services.state.errors import ModelNotFound
from tests.router.config.juries import (
    CHAT,
    CHATS,
    DECLARED,
    DOCTORS,
    GAUGES,
    accepted,
    ensemble,
    refused,
)

VOTE = "AGGREGATION_METHOD_VOTE"
STACKING = "AGGREGATION_METHOD_STACKING"
MEAN = "AGGREGATION_METHOD_SEMANTIC_MEAN"
JSON = "AGGREGATION_METHOD_JSON_MAJORITY"


def vote(**more: Any) -> dict[str, Any]:
    return {"aggregation": VOTE, **more}


LIMITS: list[tuple[str, list[Any], list[Any]]] = [
    ("quorum", [1, 3], [0, 4, -1]),
    ("full_panel_fraction", [0.0, 0.5, 1.0], [-0.01, 1.01, math.nan]),
    ("max_cost", [1e-9, 5.0], [0.0, -1.0, math.inf, math.nan]),
    ("samples_per_member", [1, 16], [0, 17]),
    ("member_retries", [0, 3], [-1, 4]),
]


@pytest.mark.parametrize(("field", "right", "wrong"), LIMITS, ids=[one[0] for one in LIMITS])
def test_a_number_has_two_ends(field: str, right: list[Any], wrong: list[Any]) -> None:
    for value in right:
        router = ensemble(vote())
        setattr(router.ensemble, field, value)
        validate(with_defaults(router), DECLARED, DECLARED)
    for value in wrong:
        router = ensemble(vote())
        setattr(router.ensemble, field, value)
        with pytest.raises(Exception, match=rf"router\.ensemble\.{field}"):
            validate(with_defaults(router), DECLARED, DECLARED)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"sampling": {"temperature": -1}}, "sampling.temperature"),
        ({"sampling": {"top_p": 0}}, "sampling.top_p"),
        ({"sampling": {"max_tokens": 0}}, "sampling.max_tokens"),
        ({"launch": 7}, "launch"),
        ({"weight_source": 9}, "weight_source"),
        ({"member_timeout": "0s"}, "member_timeout"),
        ({"extraction": {}}, "extraction"),
        ({"extraction": {"regex": "(a"}}, "extraction.regex"),
        ({"extraction": {"labels": {"labels": ["b", "a " * 11]}}}, "extraction.labels.labels[1]"),
        ({"extraction": {"regex": ""}}, "extraction.regex"),
        ({"extraction": {"regex": "x" * 257}}, "extraction.regex"),
        ({"extraction": {"regex": "(a{1,99}){1,9}"}}, "extraction.regex"),
        ({"extraction": {"json_pointer": "answer"}}, "extraction.json_pointer"),
        ({"extraction": {"json_pointer": "/a~2"}}, "extraction.json_pointer"),
        ({"extraction": {"labels": {"labels": ["yes"]}}}, "extraction.labels.labels"),
        ({"extraction": {"labels": {"labels": ["yes", "YES "]}}}, "extraction.labels.labels[1]"),
        ({"extraction": {"labels": {"labels": ["yes", " "]}}}, "extraction.labels.labels[1]"),
        (
            {"extraction": {"labels": {"labels": [f"l{n}" for n in range(1001)]}}},
            "extraction.labels.labels",
        ),
        ({"aggregation": JSON, "json_majority": {"tolerance": 1.5}}, "json_majority.tolerance"),
        ({"aggregation": JSON, "json_majority": {"tolerance": -0.1}}, "json_majority.tolerance"),
        ({"aggregation": MEAN}, "semantic_mean.embedder"),
        ({"aggregation": MEAN, "semantic_mean": {}}, "semantic_mean.embedder.model"),
        (
            {"aggregation": MEAN, "semantic_mean": {"embedder": {"model": "chat-a"}}},
            "semantic_mean.embedder.model",
        ),
        (
            {"aggregation": MEAN, "semantic_mean": {"embedder": {"model": "embedder", "timeout": "0s"}}},
            "semantic_mean.embedder.timeout",
        ),
        (
            {
                "aggregation": MEAN,
                "semantic_mean": {"embedder": {"model": "embedder", "overrides": {"threshold": 2}}},
            },
            "semantic_mean.embedder.overrides.threshold",
        ),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], field: str) -> None:
    assert list(refused(vote(**given))) == [field]


@pytest.mark.parametrize(
    "given",
    [
        {"sampling": {"temperature": 0.7, "top_p": 1, "max_tokens": 1}},
        {"launch": "LAUNCH_STAGED"},
        {"extraction": {"regex": r"(?i)answer:\s*(\w+)"}},
        {"extraction": {"json_pointer": ""}},
        {"extraction": {"json_pointer": "/a~1b/0"}},
        {"extraction": {"labels": {"labels": [f"l{n}" for n in range(1000)]}}},
        {"aggregation": JSON, "json_majority": {"by_field": True, "tolerance": 1}},
        {"aggregation": MEAN, "semantic_mean": {"embedder": {"model": "embedder", "timeout": "1s"}}},
    ],
)
def test_what_is_right_is_accepted(given: dict[str, Any]) -> None:
    accepted(vote(**given))


@pytest.mark.parametrize(
    ("method", "members", "instead"),
    [
        ("AVERAGE", CHATS, "vote, max_confidence or semantic_mean can; or say in extraction"),
        ("MEDIAN", CHATS, "extraction"),
        ("LOG_POOL", GAUGES, "average, weighted_average, max_confidence, stacking or median can"),
        ("VOTE", GAUGES, "numbers, which gauge-a (models/gauge-a) answers"),
        ("JSON_MAJORITY", DOCTORS, "labels"),
    ],
)
def test_a_method_that_cannot_combine_the_answers_is_refused_with_those_that_can(
    method: str, members: list[str], instead: str
) -> None:
    told = refused({"aggregation": f"AGGREGATION_METHOD_{method}"}, members)
    assert list(told) == ["aggregation"]
    assert instead in told["aggregation"]


@pytest.mark.parametrize(
    ("given", "members", "field", "said"),
    [
        (
            {"aggregation": "AGGREGATION_METHOD_AVERAGE"},
            ["doctor-a", "gauge-a"],
            "aggregation",
            "average cannot combine labels of doctor-a (models/doctor-a) with numbers of gauge-a",
        ),
        (
            {"aggregation": JSON, "extraction": {"labels": {"labels": ["yes", "no"]}}},
            CHATS,
            "aggregation",
            "json_majority cannot combine text",
        ),
        (
            {"aggregation": MEAN, "semantic_mean": {"embedder": {"model": "gauge-a"}}},
            CHATS,
            "semantic_mean.embedder.model",
            "an embedder answers vectors; models/gauge-a answers numbers",
        ),
        (
            {"aggregation": STACKING, "stacking": {"model": {"model": "raw"}}},
            DOCTORS,
            "stacking.model.model",
            "a meta-model answers labels or numbers; models/raw answers tensors",
        ),
    ],
)
def test_what_can_never_be_combined_is_refused(
    given: dict[str, Any], members: list[str], field: str, said: str
) -> None:
    told = refused(given, members)
    assert list(told) == [field]
    assert said in told[field]


def test_a_vote_takes_labels_and_texts_for_other_answers() -> None:
    accepted(vote(), ["doctor-a", "chat-a", "chat-b"])
    accepted({"aggregation": MEAN, "semantic_mean": {"embedder": {"model": "raw"}}})


def test_texts_that_labels_are_found_in_are_combined_as_labels() -> None:
    extraction = {"labels": {"labels": ["yes", "no"]}}
    accepted({"aggregation": "AGGREGATION_METHOD_AVERAGE", "extraction": extraction})


def test_a_label_may_have_ten_words() -> None:
    accepted(vote(extraction={"labels": {"labels": ["b", "a " * 10]}}))


def test_a_model_that_is_not_known_in_full_is_not_judged() -> None:
    router = with_defaults(ensemble({"aggregation": "AGGREGATION_METHOD_AVERAGE"}))
    validate(router, DECLARED, None)


def test_the_methods_take_what_the_combiners_take() -> None:
    assert combining.TAKES == kinds.TAKES


def test_a_jury_shows_its_defaults() -> None:
    stored = accepted(vote()).ensemble
    assert stored.quorum == 2
    assert (stored.full_panel_fraction, stored.samples_per_member, stored.member_retries) == (0.05, 1, 1)
    assert stored.launch == strategy_pb2.LAUNCH_PARALLEL
    assert accepted({"aggregation": JSON}).ensemble.json_majority.tolerance == 1e-9


def test_a_pattern_shows_its_defaults_and_none_of_a_jury() -> None:
    stored = accepted({"cascade": {}}, DOCTORS).ensemble
    assert stored.cascade.min_confidence == 0.8
    assert stored.cascade.on_exhausted == ensemble_pb2.EXHAUSTED_SERVE_LAST
    assert (stored.HasField("quorum"), stored.aggregation, stored.launch) == (False, 0, 0)
    check = {"verifier": {"helper": {"model": "referee"}}}
    stored = accepted({"judge": {"check": check}}).ensemble
    assert stored.judge.on_exhausted == ensemble_pb2.EXHAUSTED_FAIL
    assert stored.judge.check.on_failure == ensemble_pb2.CHECK_FAILURE_REJECT
    verifier = stored.judge.check.verifier
    assert (verifier.helper.model, verifier.accept_pointer, verifier.min_score) == (
        "models/referee",
        "/accept",
        0.5,
    )


def test_the_method_cascade_is_the_pattern_with_its_defaults() -> None:
    stored = accepted({"aggregation": "AGGREGATION_METHOD_CASCADE"}, DOCTORS).ensemble
    assert stored.cascade.min_confidence == 0.8


def test_the_default_method_of_a_jury_that_becomes_a_cascade_goes() -> None:
    stored = accepted({}, DOCTORS)
    stored.ensemble.cascade.SetInParent()
    changed = with_defaults(stored)
    validate(changed, DECLARED, DECLARED)
    assert changed.ensemble.aggregation == 0
    assert not changed.ensemble.HasField("quorum")
    assert not changed.ensemble.HasField("full_panel_fraction")


def test_helpers_that_nobody_registered_are_named() -> None:
    router = with_defaults(ensemble({"best_of_n": {"judge": {"model": "nobody"}}}))
    with pytest.raises(ModelNotFound) as caught:
        validate(router, DECLARED, DECLARED)
    assert [one.field for one in caught.value.fields] == ["router.ensemble.best_of_n.judge.model"]


def test_the_ensemble_of_a_policy_is_checked_at_its_own_field() -> None:
    router = Router(name="routers/r", variants=[{"model": one} for one in CHATS])
    broken = EnsembleStrategy(max_cost=-1, aggregation=strategy_pb2.AGGREGATION_METHOD_VOTE)
    router.policies.add(name="vip", condition="true", ensemble=broken)
    with pytest.raises(Exception, match=r"router\.policies\[0\]\.ensemble\.max_cost"):
        validate(with_defaults(router), DECLARED, DECLARED)


def test_an_ensemble_of_vectors_needs_no_embedder() -> None:
    router = Router(name="routers/r", variants=[{"id": one, "model": "embedder"} for one in "abc"])
    router.ensemble.aggregation = strategy_pb2.AGGREGATION_METHOD_SEMANTIC_MEAN
    validate(with_defaults(router), DECLARED, DECLARED)


def test_a_policy_leaves_nobody_out_who_has_a_step_or_a_column() -> None:
    steps = [{"name": "a", "variant": "chat-a"}, {"name": "b", "variant": "chat-b", "template": "{a}"}]
    for router in (
        ensemble({"specialists": {"steps": steps}}),
        ensemble({"aggregation": STACKING, "stacking": {"model": {"model": "meta"}}}, DOCTORS),
    ):
        first, second, third = (one.model for one in router.variants)
        router.policies.add(name="few", condition="true").subset.variants.extend([second, third])
        with pytest.raises(InvalidConfiguration, match=rf"policies\[0\]\.subset\.variants: leaves {first}"):
            validate(with_defaults(router), DECLARED, DECLARED)


def priced(name: str, cost: float, currency: str = "USD", protocol: int = CHAT) -> Model:
    return Model(name=f"models/{name}", protocol=protocol, cost={"per_call": cost, "currency": currency})  # type: ignore[arg-type]


PAID = DECLARED | {
    one.name: one for one in (*(priced(f"chat-{name}", 0.01) for name in "abc"), priced("referee", 0.5))
}


@pytest.mark.parametrize(
    ("given", "least", "said"),
    [
        (vote(), 0.02, "at least 0.02: the 2 cheapest members cost 0.02 per call; got 0.019"),
        (vote(quorum=1), 0.01, "the cheapest member costs 0.01"),
        (
            {"mixture_of_n": {"fuser": {"model": "referee"}}},
            0.52,
            "the 2 cheapest members cost 0.02, the fuser, models/referee, 0.5 per call; got 0.519",
        ),
        ({"best_of_n": {"judge": {"model": "referee"}}}, 0.52, "the judge, models/referee, 0.5"),
        (
            {"judge": {"check": {"verifier": {"helper": {"model": "referee"}}}}},
            0.51,
            "the cheapest member costs 0.01, the verifier, models/referee, 0.5",
        ),
        (
            {
                "specialists": {
                    "steps": [
                        {"name": "one", "variant": "chat-a"},
                        {"name": "two", "variant": "chat-b", "optional": True},
                        {"name": "three", "variant": "chat-a", "template": "{one} {two}"},
                    ]
                }
            },
            0.02,
            "2 steps cost 0.02",
        ),
    ],
)
def test_a_limit_that_nobody_can_keep_is_refused_with_the_numbers(
    given: dict[str, Any], least: float, said: str
) -> None:
    validate(with_defaults(ensemble({**given, "max_cost": least})), PAID, PAID)
    with pytest.raises(InvalidConfiguration) as caught:
        validate(with_defaults(ensemble({**given, "max_cost": least - 0.001})), PAID, PAID)
    assert [one.field for one in caught.value.fields] == ["router.ensemble.max_cost"]
    assert said in caught.value.fields[0].description


def test_what_is_not_known_beforehand_is_no_reason_to_refuse() -> None:
    foreign = PAID | {"models/chat-a": priced("chat-a", 0.01, "EUR")}
    tokens = {name: Model(name=name, protocol=CHAT, cost={"input_per_1k_tokens": 9}) for name in PAID}
    for models in (foreign, tokens):
        validate(with_defaults(ensemble(vote(max_cost=0.001))), models, models)


LABELS_ONLY = DECLARED | {
    name: Model(name=name, signature={"outputs": {"label": "l"}})
    for name in DECLARED
    if name.startswith("models/doctor")
}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"aggregation": "AGGREGATION_METHOD_MAX_CONFIDENCE"}, "aggregation"),
        ({"aggregation": "AGGREGATION_METHOD_WEIGHTED_AVERAGE"}, "aggregation"),
        (vote(weight_source="WEIGHT_SOURCE_CONFIDENCE"), "weight_source"),
    ],
)
def test_confidence_decides_only_among_those_who_tell_one(given: dict[str, Any], field: str) -> None:
    accepted(given, DOCTORS)
    router = with_defaults(ensemble(given, DOCTORS))
    with pytest.raises(InvalidConfiguration) as caught:
        validate(router, LABELS_ONLY, LABELS_ONLY)
    (one,) = caught.value.fields
    assert one.field == f"router.ensemble.{field}"
    assert "doctor-a (models/doctor-a), doctor-b (models/doctor-b), doctor-c" in one.description
    # The share of its own answers that agree is a member's confidence.
    router.ensemble.samples_per_member = 3
    validate(router, LABELS_ONLY, LABELS_ONLY)


def test_a_chat_is_sure_only_where_its_model_says_from_what() -> None:
    told = refused({"aggregation": "AGGREGATION_METHOD_MAX_CONFIDENCE"})
    assert "of a chat confidence_from" in told["aggregation"]


def test_a_declared_weight_spares_the_confidence() -> None:
    router = ensemble({"aggregation": "AGGREGATION_METHOD_WEIGHTED_AVERAGE"}, GAUGES)
    router.variants[0].weight = 2
    validate(with_defaults(router), DECLARED, DECLARED)


def test_only_the_mistake_that_was_made_is_told() -> None:
    """A member that is none says nothing of a quorum that nobody gave, and an embedder would not help."""
    assert list(refused(vote(members=["nobody"]))) == ["members[0]"]
    told = refused({"aggregation": MEAN}, DOCTORS)
    assert list(told) == ["aggregation"]
    assert "semantic_mean cannot combine labels" in told["aggregation"]
