"""Plans out of messages: defaults, and everything that is wrong at once."""

import pytest
from google.protobuf.duration_pb2 import Duration
from turnout.aggregator.v1 import aggregator_service_pb2 as wire
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1 import strategy_pb2
from turnout.router.v1.overrides_pb2 import Overrides

from services.aggregator.combiners import COMBINERS, WEIGHING
from services.aggregator.errors import InvalidPlan
from services.aggregator.plan import Sequence
from services.aggregator.recipe import Recipe
from services.aggregator.voices import Member
from services.aggregator.weights import WeightSource
from services.aggregator.wire.plans import read_plan, require_input

NAN = float("nan")


def members(*weights: float | None) -> list[wire.Member]:
    return [wire.Member(model=f"models/m{index}", weight=weight) for index, weight in enumerate(weights)]


def complaints(plan: wire.Plan) -> dict[str, str]:
    with pytest.raises(InvalidPlan) as refused:
        read_plan(plan)
    return {field.field: field.description for field in refused.value.fields}


def test_a_plan_needs_no_more_than_its_models() -> None:
    plan = read_plan(
        wire.Plan(members=[wire.Member(model="a"), wire.Member(model="models/b"), wire.Member(model="c")])
    )
    assert [(member.variant, member.model) for member in plan.members] == [
        ("a", "models/a"),
        ("b", "models/b"),
        ("c", "models/c"),
    ]
    assert plan.recipe == Recipe("average", None)
    assert plan.quorum == 2


def test_what_is_declared_is_read() -> None:
    member = wire.Member(
        variant="v", model="a", weight=0.5, timeout=Duration(seconds=1, nanos=500_000_000), threshold=0.25
    )
    member.overrides.threshold = 0.75
    member.overrides.system_prompt = "Be brief."
    plan = read_plan(
        wire.Plan(
            members=[member],
            ensemble={
                "aggregation": strategy_pb2.AGGREGATION_METHOD_WEIGHTED_AVERAGE,
                "weight_source": strategy_pb2.WEIGHT_SOURCE_DECLARED_TIMES_CONFIDENCE,
                "quorum": 1,
            },
        )
    )
    overrides = Overrides(threshold=0.25, system_prompt="Be brief.")
    assert plan.members == (Member("v", "models/a", 0.5, 1.5, 0.25, overrides),)
    assert plan.recipe == Recipe("weighted_average", WeightSource.DECLARED_TIMES_CONFIDENCE)


@pytest.mark.parametrize(
    ("quorum", "said"), [(0, "1 to 3, the number of members, expected; got 0"), (4, "got 4"), (-1, "got -1")]
)
def test_a_quorum_that_cannot_be_met_is_refused(quorum: int, said: str) -> None:
    assert (
        said
        in complaints(wire.Plan(members=members(None, None, None), ensemble={"quorum": quorum}))[
            "plan.ensemble.quorum"
        ]
    )


@pytest.mark.parametrize("weight", [-1, NAN, float("inf")])
def test_a_weight_that_is_none_is_refused_by_name(weight: float) -> None:
    found = complaints(wire.Plan(members=members(1, weight)))
    assert found == {"plan.members[1].weight": f"a finite number from 0 expected, got {weight:g}"}


def test_weights_that_are_all_zero_are_refused_where_they_decide() -> None:
    zero = members(0, 0)
    vote = wire.Plan(members=zero, ensemble={"aggregation": strategy_pb2.AGGREGATION_METHOD_VOTE})
    assert complaints(vote) == {"plan.members": "at least one weight above 0 expected; all are 0"}
    vote.ensemble.weight_source = strategy_pb2.WEIGHT_SOURCE_CONFIDENCE
    assert read_plan(vote).recipe.source is WeightSource.CONFIDENCE
    assert read_plan(wire.Plan(members=zero)).recipe.method == "average"


def test_everything_wrong_is_told_at_once() -> None:
    bad = wire.Member(model="No Such", timeout=Duration(seconds=-1), threshold=2)
    plan = wire.Plan(
        members=[bad, *members(1), wire.Member(variant="m0", model="x"), wire.Member()],
        ensemble={"quorum": 9},
    )
    assert set(complaints(plan)) == {
        "plan.members[0].model",
        "plan.members[0].timeout",
        "plan.members[0].threshold",
        "plan.members[2].variant",
        "plan.members[3].model",
        "plan.ensemble.quorum",
    }


def test_a_plan_of_nobody_or_of_a_crowd_is_refused() -> None:
    assert complaints(wire.Plan())["plan.members"] == "1 to 64 members expected, got 0"
    assert complaints(wire.Plan(members=members(*[None] * 65)))["plan.members"].endswith("got 65")


def test_the_method_cascade_is_the_pattern_with_its_defaults() -> None:
    plan = read_plan(
        wire.Plan(members=members(1, 1), ensemble={"aggregation": strategy_pb2.AGGREGATION_METHOD_CASCADE})
    )
    assert plan.pattern == Sequence("cascade", None, 2, min_confidence=0.8)


def test_numbers_that_no_enum_knows_are_refused() -> None:
    found = complaints(wire.Plan(members=members(1), ensemble={"aggregation": 99, "weight_source": 77}))
    assert found == {
        "plan.ensemble.aggregation": f"one of {', '.join(COMBINERS)} expected, got 99",
        "plan.ensemble.weight_source": "one of WEIGHT_SOURCE_DECLARED, WEIGHT_SOURCE_CONFIDENCE, "
        "WEIGHT_SOURCE_DECLARED_TIMES_CONFIDENCE expected, got 77",
    }


def test_a_weight_source_without_effect_is_warned_of() -> None:
    plan = wire.Plan(members=members(1), ensemble={"weight_source": strategy_pb2.WEIGHT_SOURCE_CONFIDENCE})
    assert read_plan(plan).warnings == (
        f"weight_source has no effect: average weighs nothing; {', '.join(sorted(WEIGHING))} do",
    )
    plan.ensemble.aggregation = strategy_pb2.AGGREGATION_METHOD_VOTE
    assert read_plan(plan).warnings == ()


def test_a_question_is_required() -> None:
    with pytest.raises(InvalidPlan, match="input: is required: give one of row, tabular"):
        require_input(Input())
    require_input(Input(text="?"))
