"""What is advised of how members work together, each sentence with its number; and who needs no advice."""

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from turnout.router.v1 import model_pb2
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.router.config.advice import advice
from services.router.config.defaults import with_defaults

VOTE = "AGGREGATION_METHOD_VOTE"
STAGED = "LAUNCH_STAGED"


def chats(*prices: float | None, families: str = "vwxyz", **more: Any) -> dict[str, Model]:
    """Chats a, b, c and so on, of these prices."""
    found = {}
    for name, price, family in zip("abcdefg", prices, families, strict=False):
        model = Model(name=f"models/{name}", family=family, protocol=model_pb2.PROTOCOL_OPENAI_CHAT, **more)
        model.timeout.FromSeconds(3)
        if price is not None:
            model.cost.per_call = price
        found[model.name] = model
    return found


def referee(family: str) -> dict[str, Model]:
    return {"models/ref": Model(name="models/ref", family=family, protocol=model_pb2.PROTOCOL_OPENAI_CHAT)}


THREE = chats(1, 2, 3)
TREES = {
    f"models/{one}": Model(
        name=f"models/{one}", family=one, timeout={"seconds": 3}, signature={"outputs": {"label": "l"}}
    )
    for one in ("oak", "elm", "fir")
}
FIVE = chats(1, 2, 3, 4, 5)


def told(given: dict[str, Any], models: dict[str, Model] = THREE, **router: Any) -> list[str]:
    """Everything about an ensemble of all of these models but the referee."""
    made = Router(name="routers/panel", variants=[{"model": one} for one in models if one != "models/ref"])
    ParseDict(router, made)
    ParseDict(given, made.ensemble)
    return advice(with_defaults(made), models)


def vote(**more: Any) -> dict[str, Any]:
    return {"aggregation": VOTE, **more}


def judged(**verifier: Any) -> dict[str, Any]:
    return {"judge": {"check": {"verifier": {"helper": {"model": "ref"}, **verifier}}}}


SOUND: list[tuple[dict[str, Any], dict[str, Model]]] = [
    (vote(), THREE),
    (vote(launch=STAGED), FIVE),
    (vote(samples_per_member=3, sampling={"temperature": 0.7}), THREE),
    (vote(max_cost=1), THREE),
    ({"cascade": {"min_confidence": 0.5}}, chats(1, 2, confidence_from=2)),
    ({"cascade": {"agreement": 2, "order": ["a", "c", "b"]}}, THREE),
    (judged(), THREE | referee("other")),
    (judged(verdict_schema={"properties": {"accept": {}}}), THREE | referee("other")),
    (judged(verdict_schema={"anyOf": [{"required": ["accept"]}]}), THREE | referee("other")),
    ({"best_of_n": {"judge": {"model": "ref"}}}, THREE | referee("")),
]


def test_a_policy_that_leaves_fewer_than_the_quorum_is_told() -> None:
    subset: dict[str, Any] = {"name": "vip", "condition": "true", "subset": {"variants": ["a"]}}
    (sentence,) = told(vote(quorum=2), policies=[subset])
    assert sentence.startswith("Policy vip leaves 1 of 3 members: the quorum of 2 is 1 there")
    subset["subset"] = {"variants": ["a", "b"]}
    assert told(vote(quorum=2), policies=[subset]) == []


@pytest.mark.parametrize(
    ("order", "left", "said"),
    [
        ([], ["a", "b"], "Policy vip leaves 2 of 3 members: the agreement of 3 is 2 there"),
        ([], ["a"], "leaves 1 of 3 members: the agreement of 3 cannot come about there, and no answer"),
        ([], ["a", "b", "c"], ""),
        (["a", "b"], ["a", "c"], "leaves 1 of 2 members: the agreement of 2 cannot come about there"),
    ],
)
def test_a_policy_that_leaves_fewer_than_are_to_agree_is_told(
    order: list[str], left: list[str], said: str
) -> None:
    cascade = {"cascade": {"agreement": 2 if order else 3, "order": order}}
    subset = {"name": "vip", "condition": "true", "subset": {"variants": left}}
    sentences = told(cascade, policies=[subset])
    assert len(sentences) == bool(said)
    assert said in "".join(sentences)


def test_a_limit_of_cost_and_prices_by_the_token_are_told() -> None:
    models = chats(1, 2, 3)
    models["models/b"].cost.output_per_1k_tokens = 2
    (sentence,) = told(vote(max_cost=10), models)
    assert "may cost 10, and 1 of 3 members are paid by the token (b)" in sentence


@pytest.mark.parametrize(("given", "models"), SOUND)
def test_a_sound_ensemble_needs_no_advice(given: dict[str, Any], models: dict[str, Model]) -> None:
    assert told(given, models) == []


MISTAKES: list[tuple[dict[str, Any], dict[str, Model], str]] = [
    (vote(launch=STAGED), THREE, "in stages with 3 members"),
    (vote(launch=STAGED, full_panel_fraction=0), FIVE, "full_panel_fraction 0"),
    (vote(launch=STAGED, weight_source="WEIGHT_SOURCE_CONFIDENCE"), FIVE, "for nothing: only a vote"),
    (vote(best_of_n={"judge": {"model": "ref"}}), THREE | referee("q"), "aggregation vote"),
    (judged(verdict_schema={}), THREE | referee("q"), "reads /accept of verdicts whose verdict_schema says"),
    (judged() | {"quorum": 1}, THREE | referee("q"), "a quorum of 1, which does nothing: judge goes on"),
    ({"cascade": {"agreement": 2}, "quorum": 3}, THREE, "a quorum of 3, which does nothing: cascade goes on"),
    (
        judged() | {"weight_source": "WEIGHT_SOURCE_DECLARED"},
        THREE | referee("q"),
        "weight_source, which does nothing: judge makes the answer",
    ),
    (
        {"best_of_n": {"judge": {"model": "ref"}}, "full_panel_fraction": 0.5},
        THREE | referee("q"),
        "full_panel_fraction 0.5, which does nothing: only a jury",
    ),
    (judged() | {"samples_per_member": 4}, THREE | referee("q"), "samples_per_member 4, which does nothing"),
    (
        {"aggregation": "AGGREGATION_METHOD_MAX_CONFIDENCE", "weight_source": "WEIGHT_SOURCE_DECLARED"},
        THREE,
        "weight_source, which does nothing: max_confidence",
    ),
    (vote(sampling={"seed": 1}), TREES, "sampling, which does nothing: none of its 3 members answers text"),
    (vote(json_majority={"tolerance": 0.1}), THREE, "json_majority, which does nothing"),
    ({"cascade": {}}, THREE, "confidence of 0.8, and 3 of 3 members tell none (a, b, c)"),
    (
        {"cascade": {"order": ["b", "c"]}},
        chats(3, 2, 2),
        "confidence of 0.8, and 2 of 2 members tell none (b, c)",
    ),
    ({"cascade": {"agreement": 2, "order": ["c", "a"]}}, THREE, "asks c first, at 3 a call, and a costs 1"),
    (vote(max_cost=0.5), chats(1, None, 2), "may cost 0.5, and 1 of 3 members declare no cost (b)"),
    (
        {
            "aggregation": "AGGREGATION_METHOD_SEMANTIC_MEAN",
            "semantic_mean": {"embedder": {"model": "ref"}},
            "quorum": 1,
        },
        chats(1, 2),
        "has 2 members of equal weight, whose answers are always as near to their mean",
    ),
    (judged(), THREE | referee("W"), "judge 1 of 3 members of its own family, W (b)"),
    ({"best_of_n": {"judge": {"model": "ref"}}}, THREE | referee("v"), "its judge, models/ref, judge 1 of 3"),
    (vote(samples_per_member=3, sampling={"temperature": 0}), THREE, "3 times, and 3 of 3 give the same"),
]


@pytest.mark.parametrize(("given", "models", "said"), MISTAKES)
def test_a_mistake_is_told_with_its_number(
    given: dict[str, Any], models: dict[str, Model], said: str
) -> None:
    (sentence,) = told(given, models)
    assert said in sentence


def test_members_one_after_the_other_need_their_time_together() -> None:
    cascade: dict[str, dict[str, Any]] = {"cascade": {"agreement": 2}}
    (sentence,) = told(cascade, default_deadline="8s")
    assert "asks 3 members one after the other, with timeouts of 9 s together" in sentence
    assert told(cascade, default_deadline="9s") == []
    cascade["cascade"]["order"] = ["c", "a"]
    assert told(cascade, chats(2, 1, 1), default_deadline="8s") == []
    (sentence,) = told(cascade, chats(2, 1, 1), default_deadline="5s")
    assert "asks 2 members one after the other, with timeouts of 6 s together" in sentence


def test_a_sample_of_a_members_own_temperature_is_that_members() -> None:
    made = Router(name="routers/panel", variants=[{"model": one} for one in THREE])
    ParseDict(vote(samples_per_member=2), made.ensemble)
    made.variants[1].overrides.sampling.temperature = 0
    (sentence,) = advice(with_defaults(made), THREE)
    assert "1 of 3 give the same answer each time (b)" in sentence


def test_two_of_the_same_are_one_too_many() -> None:
    twins = Router(name="routers/panel", variants=[{"id": one, "model": one[0]} for one in ("a1", "a2", "b")])
    ParseDict(vote(), twins.ensemble)
    (sentence,) = advice(with_defaults(twins), THREE)
    assert "a1 and a2 are 2 members of one model, models/a" in sentence
    # Of one provider they are homogeneous too, and the twins are told all the same.
    kin = {name: Model() for name in THREE}
    for name, model in kin.items():
        model.CopyFrom(THREE[name])
        model.provider = "acme"
    both = "\n".join(advice(with_defaults(twins), kin))
    assert "kitchen sink: a1 and a2" in both
    assert "of one provider, acme" in both
    twins.variants[0].overrides.system_prompt = "Be brief."
    assert advice(with_defaults(twins), THREE) == []
