"""What callers are told when they ask wrongly: status, reason, field and message, over a real channel."""

from typing import Any

import pytest
from turnout.aggregator.v1.aggregator_service_pb2 import Member, Plan
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1 import strategy_pb2

from examples.fleet.columns import BREAST_CANCER
from services.foundation.errors import RemoteError
from tests.aggregator.conftest import DOCTORS, Bench, patient, plan

NAN = float("nan")
VOTE = strategy_pb2.AGGREGATION_METHOD_VOTE


async def refused(bench: Bench, jury: Plan, given: Input | None = None) -> RemoteError:
    """The error of a plan that is refused, once no model was called for it."""
    with pytest.raises(RemoteError) as caught:
        await bench.infer(jury, given)
    assert all(server.calls == 0 for server in bench.servers.values())
    return caught.value


def weighted(*weights: float, **fields: Any) -> Plan:
    members = [Member(model=name, weight=weight) for name, weight in zip(DOCTORS, weights, strict=True)]
    return Plan(members=members, ensemble=strategy_pb2.EnsembleStrategy(**fields))


@pytest.mark.parametrize(
    ("jury", "field", "said"),
    [
        (Plan(), "plan.members", "1 to 64 members expected, got 0"),
        (plan("Not A Name"), "plan.members[0].model", "must be models/{id} or {id}"),
        (plan("a", "a"), "plan.members[1].variant", "'a' is used twice"),
        (plan(quorum=4), "plan.ensemble.quorum", "1 to 3, the number of members, expected; got 4"),
        (plan(quorum=0), "plan.ensemble.quorum", "1 to 3, the number of members, expected; got 0"),
        (Plan(members=[Member(variant="a\n", model="a")]), "plan.members[0].variant", "1 to 63 lower-case"),
        (plan(members=[DOCTORS[0]] * 2), "plan.ensemble.members[1]", "'cancer-logistic' is named twice"),
        (plan(member_timeout={}), "plan.ensemble.member_timeout", "more than 0 s expected, got 0 s"),
        (plan(timeouts=[0.0]), "plan.members[0].timeout", "more than 0 s expected, got 0 s"),
        (
            plan(sampling={"temperature": NAN}),
            "plan.ensemble.sampling.temperature",
            "a number from 0 expected, got nan",
        ),
        (weighted(1, -1, 1), "plan.members[1].weight", "a finite number from 0 expected, got -1"),
        (weighted(1, 1, NAN), "plan.members[2].weight", "a finite number from 0 expected, got nan"),
        (weighted(0, 0, 0, aggregation=VOTE), "plan.members", "at least one weight above 0 expected"),
        (plan("a", timeouts=[-1]), "plan.members[0].timeout", "more than 0 s expected, got -1 s"),
        (plan("a", aggregation=99), "plan.ensemble.aggregation", "one of vote, average, weighted_average"),
        (plan("a", weight_source=99), "plan.ensemble.weight_source", "one of WEIGHT_SOURCE_DECLARED"),
    ],
)  # fmt: skip
async def test_a_plan_that_cannot_be_run_is_refused_by_field(
    bench: Bench, jury: Plan, field: str, said: str
) -> None:
    error = await refused(bench, jury)
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert [one.field for one in error.fields] == [field]
    assert error.fields[0].description.startswith(said)
    assert error.message.startswith(f"the plan cannot be run: {field}: {said}")


async def test_a_request_without_an_input_is_refused(doctors: Bench) -> None:
    error = await refused(doctors, plan(), Input())
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert error.fields[0].field == "input"
    assert "give one of row, tabular, tensors" in error.message


async def test_a_plan_of_unknown_models_is_not_found(doctors: Bench) -> None:
    error = await refused(doctors, plan("nobody", "no-one"))
    assert (error.code, error.reason) == ("NOT_FOUND", "MODEL_NOT_FOUND")
    assert [one.field for one in error.fields] == ["plan.members[0].model", "plan.members[1].model"]
    assert error.message == (
        "2 of 2 members cannot be asked, and 2 answers are required: "
        "nobody: models/nobody is not registered; no-one: models/no-one is not registered"
    )


async def test_too_many_unknown_models_are_accounted_for_and_nobody_is_called(doctors: Bench) -> None:
    """Not a failed call: the router's manifest must say who was missing."""
    reply = await doctors.infer(plan("cancer-bayes", "nobody", "no-one"))
    assert (reply.error_code, reply.error_reason) == ("UNAVAILABLE", "QUORUM_NOT_MET")
    assert [one.variant for one in reply.participants] == ["cancer-bayes", "nobody", "no-one"]
    assert doctors.servers["cancer-bayes"].calls == 0


async def test_an_input_that_fits_nobody_is_the_callers_mistake(doctors: Bench) -> None:
    error = await refused(doctors, plan("cancer-bayes"), patient(columns=["mean radius"]))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INPUT_MISMATCH")
    assert [one.field for one in error.fields] == ["input.tabular.numeric_features['mean texture']"]
    assert error.fields[0].description == "cancer-bayes: missing"
    assert error.message.startswith("1 of 1 members cannot be asked, and 1 answer is required: ")
    assert "cancer-bayes: the input does not fit models/cancer-bayes" in error.message
    assert error.facts["members"] == "cancer-bayes"


async def test_an_input_that_fits_fewer_than_the_quorum_names_the_others(doctors: Bench) -> None:
    columns = [name for name in BREAST_CANCER if name != "worst area"]
    error = await refused(doctors, plan(), patient(columns=columns))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INPUT_MISMATCH")
    assert error.facts["members"] == "cancer-logistic, cancer-boosting"
    assert {one.description for one in error.fields} == {
        "cancer-logistic: missing",
        "cancer-boosting: missing",
    }
    assert error.message.startswith("2 of 3 members cannot be asked, and 2 answers are required: ")


@pytest.mark.parametrize("value", [NAN, float("inf")])
async def test_a_feature_that_is_no_number_is_refused_by_name(doctors: Bench, value: float) -> None:
    given = patient()
    given.tabular.numeric_features["mean radius"] = value
    error = await refused(doctors, plan(), given)
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INPUT_MISMATCH")
    assert "input.tabular.numeric_features['mean radius']" in [one.field for one in error.fields]


async def test_a_number_given_as_a_category_is_refused_by_name(doctors: Bench) -> None:
    given = Input(
        tabular=TabularInput(numeric_features={"mean texture": 1}, categorical_features={"mean radius": "17"})
    )
    error = await refused(doctors, plan("cancer-bayes"), given)
    assert error.reason == "INPUT_MISMATCH"
    assert any("mean radius" in one.field for one in error.fields)


async def test_a_threshold_for_a_model_without_probabilities_is_refused(bench: Bench) -> None:
    await bench.seat("digits-svm")
    error = await refused(bench, Plan(members=[Member(model="digits-svm", threshold=0.5)]))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INPUT_MISMATCH")
    assert error.fields[0].field == "plan.members[0].threshold"


async def test_before_the_catalog_is_read_nobody_knows_what_is_registered(bench: Bench) -> None:
    bench.registry.loaded.clear()
    error = await refused(bench, plan())
    assert (error.code, error.reason) == ("UNAVAILABLE", "STATE_UNAVAILABLE")
    assert error.retry_after == 1.0


async def test_a_request_over_the_limit_is_refused_whole(doctors: Bench) -> None:
    error = await refused(doctors, plan(), Input(text="x" * (4 * 1024 * 1024)))
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "TOO_LARGE")
    assert error.message.startswith("turnout.aggregator.v1.InferRequest has 4194")
    assert "at most 4194304 are accepted" in error.message
    assert (await doctors.infer(plan("cancer-bayes"))).output.classification.label


async def test_a_deadline_that_has_passed_is_refused_before_anybody_is_asked(doctors: Bench) -> None:
    with pytest.raises(RemoteError) as caught:
        await doctors.infer(plan(), seconds=0.0)
    assert caught.value.code == "DEADLINE_EXCEEDED"
    assert all(server.calls == 0 for server in doctors.servers.values())
