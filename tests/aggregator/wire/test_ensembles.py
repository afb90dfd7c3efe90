"""What an ensemble declares beside its members: defaults, limits, and what is told of what has no effect."""

from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from turnout.aggregator.v1 import aggregator_service_pb2 as wire
from turnout.router.v1 import ensemble_pb2, strategy_pb2

from services.aggregator.errors import InvalidPlan
from services.aggregator.plan import BestOfN, Jury, MixtureOfN, Plan, Sequence
from services.aggregator.wire.plans import read_plan

VOTE = strategy_pb2.AGGREGATION_METHOD_VOTE
CASCADE = strategy_pb2.AGGREGATION_METHOD_CASCADE
PATH = "plan.ensemble"


def read(**ensemble: Any) -> Plan:
    members = [wire.Member(model=f"models/{name}") for name in "abc"]
    return read_plan(wire.Plan(members=members, ensemble=strategy_pb2.EnsembleStrategy(**ensemble)))


def complaints(**ensemble: Any) -> dict[str, str]:
    with pytest.raises(InvalidPlan) as refused:
        read(**ensemble)
    return {field.field: field.description for field in refused.value.fields}


def test_a_plan_that_says_nothing_is_a_jury_with_defaults() -> None:
    plan = read()
    assert plan.pattern == Jury(staged=False)
    assert (plan.full_fraction, plan.max_cost, plan.retries, plan.samples) == (0.05, None, 1, 1)
    assert plan.helpers == ()
    assert [member.path for member in plan.members] == [f"plan.members[{index}]" for index in range(3)]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("full_panel_fraction", 1.5, "a number from 0 to 1 expected, got 1.5"),
        ("max_cost", -1.0, "a number above 0, got -1"),
        ("max_cost", 0.0, "a number above 0, got 0"),
        ("max_cost", float("nan"), "a number above 0, got nan"),
        ("member_retries", 4, "a number from 0 to 3 expected, got 4"),
        ("samples_per_member", 0, "a number from 1 to 16 expected, got 0"),
        ("launch", 7, "LAUNCH_STAGED expected, got 7"),
    ],
)
def test_what_is_out_of_range_is_refused_by_field(field: str, value: float, said: str) -> None:
    assert said in complaints(**{field: value})[f"{PATH}.{field}"]


def test_a_cascade_has_defaults_until_it_names_what_it_wants() -> None:
    assert read(aggregation=CASCADE).pattern == Sequence("cascade", None, 3, min_confidence=0.8)
    by_agreement = read(cascade={"agreement": 2, "order": ["c", "a"]}).pattern
    assert by_agreement == Sequence("cascade", (2, 0), 2, agreement=2)
    failing = read(cascade={"on_exhausted": ensemble_pb2.EXHAUSTED_FAIL}).pattern
    assert isinstance(failing, Sequence)
    assert not failing.serve_last


def test_a_judge_fails_where_nobody_will_do_and_asks_as_declared() -> None:
    plan = read(judge={"check": {"cel": "text != ''"}})
    assert isinstance(plan.pattern, Sequence)
    assert (plan.pattern.order, plan.pattern.rounds, plan.pattern.serve_last) == ((0, 1, 2), 3, False)


@pytest.mark.parametrize(
    ("pattern", "field", "said"),
    [
        ({"cascade": {"min_confidence": 1.1}}, "cascade.min_confidence", "0 to 1 expected, got 1.1"),
        ({"cascade": {"agreement": 4}}, "cascade.agreement", "2 to 3, the number of members"),
        ({"cascade": {"order": ["a", "z"]}}, "cascade.order[1]", "one of a, b, c expected, got 'z'"),
        ({"cascade": {"order": ["a", "a"]}}, "cascade.order[1]", "'a' is named twice"),
        ({"cascade": {"on_exhausted": 9}}, "cascade.on_exhausted", "got 9"),
        ({"cascade": {"check": {}}}, "cascade.check", "one of verifier, json_schema, cel expected"),
        ({"extraction": {}}, "extraction", "one of regex, json_pointer, labels expected"),
        ({"judge": {}}, "judge.check", "one of verifier, json_schema, cel expected"),
        ({"judge": {"check": {"cel": "nope"}, "max_rounds": 11}}, "judge.max_rounds", "1 to 10 expected"),
        ({"judge": {"check": {"cel": "nope"}}}, "judge.check.cel", "does not know nope"),
        ({"judge": {"check": {"verifier": {}}}}, "judge.check.verifier.helper.model", ""),
        ({"best_of_n": {}}, "best_of_n.judge.model", ""),
        ({"mixture_of_n": {"fuser": {"model": "f"}, "instruction": "x" * 32_769}},
         "mixture_of_n.instruction", "at most 32768 characters"),
        ({"aggregation": CASCADE, "judge": {"check": {"cel": "true"}}}, "aggregation", "goes with no judge"),
    ],
)  # fmt: skip
def test_a_pattern_that_cannot_work_is_refused_by_field(
    pattern: dict[str, Any], field: str, said: str
) -> None:
    assert said in complaints(**pattern)[f"{PATH}.{field}"]


def test_helpers_are_known_to_the_plan_with_where_they_are_named() -> None:
    schema = Struct()
    schema.update({"type": "object"})
    verifier = {"helper": {"model": "v"}, "verdict_schema": schema, "accept_pointer": "/ok"}
    plan = read(judge={"check": {"verifier": verifier}})
    assert [(one.model, one.path) for one in plan.helpers] == [
        ("models/v", f"{PATH}.judge.check.verifier.helper")
    ]
    best = read(best_of_n={"judge": {"model": "j"}})
    mixed = read(mixture_of_n={"fuser": {"model": "models/f"}, "fixed_order": True})
    assert isinstance(best.pattern, BestOfN)
    assert isinstance(mixed.pattern, MixtureOfN)
    assert [one.model for one in (*best.helpers, *mixed.helpers)] == ["models/j", "models/f"]
    meant = read(
        aggregation=strategy_pb2.AGGREGATION_METHOD_SEMANTIC_MEAN, semantic_mean={"embedder": {"model": "e"}}
    )
    assert meant.embedder is not None
    assert meant.helpers == (meant.embedder,)


@pytest.mark.parametrize(
    ("ensemble", "said"),
    [
        ({"launch": strategy_pb2.LAUNCH_STAGED}, "launch: STAGED has no effect"),
        ({"samples_per_member": 3, "aggregation": CASCADE}, "samples_per_member has no effect"),
        ({"aggregation": VOTE, "best_of_n": {"judge": {"model": "j"}}}, "aggregation vote has no effect"),
        ({"semantic_mean": {"embedder": {"model": "e"}}}, "semantic_mean has no effect"),
        ({"stacking": {"model": {"model": "m"}}}, "stacking has no effect: the aggregation is average"),
        ({"json_majority": {"by_field": True}, "aggregation": VOTE}, "json_majority has no effect"),
        ({"quorum": 2, "cascade": {}}, "quorum has no effect: the pattern cascade counts no answers"),
        ({"weight_source": 2, "judge": {"check": {"cel": "true"}}}, "weight_source has no effect: the patt"),
        ({"full_panel_fraction": 1.0, "cascade": {}}, "full_panel_fraction has no effect: only a jury"),
    ],
)
def test_what_has_no_effect_is_warned_of(ensemble: dict[str, Any], said: str) -> None:
    (warning,) = read(**ensemble).warnings
    assert warning.startswith(said)


def test_members_that_are_picked_are_the_ones_that_are_asked() -> None:
    plan = read(members=["c", "a"])
    assert [member.variant for member in plan.members] == ["a", "c"]
    assert plan.quorum == 2
    assert complaints(members=["z"])[f"{PATH}.members[0]"] == "one of a, b, c expected, got 'z'"


def test_coefficients_that_do_not_fit_are_refused_by_field() -> None:
    stacking = strategy_pb2.AGGREGATION_METHOD_STACKING
    learnt = {"members": ["a", "b"], "labels": ["x", "y"], "coefficients": [1.0] * 7, "intercepts": [0.0] * 2}
    found = complaints(aggregation=stacking, stacking={"learnt": learnt})
    assert found == {
        f"{PATH}.stacking.learnt.coefficients": "2 x 4 numbers expected, outputs x columns; got 7"
    }
    learnt |= {"coefficients": [1.0] * 8, "intercepts": [0.0]}
    found = complaints(aggregation=stacking, stacking={"learnt": learnt})
    assert list(found) == [f"{PATH}.stacking.learnt.intercepts"]
    learnt["intercepts"] = [0.0, 1.0]
    assert read(aggregation=stacking, stacking={"learnt": learnt}).recipe.options.learnt is not None


def test_a_timeout_of_all_members_is_the_longest_that_any_has() -> None:
    given = wire.Plan(members=[wire.Member(model="a"), wire.Member(model="b")])
    given.members[1].timeout.FromMilliseconds(100)
    given.ensemble.member_timeout.FromMilliseconds(500)
    assert [member.timeout for member in read_plan(given).members] == [0.5, 0.1]
