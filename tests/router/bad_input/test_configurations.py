"""Configurations that cannot work: refused by field, and nothing of them is kept."""

import math
from typing import Any

import pytest
from turnout.router.v1.router_pb2 import Router

from tests.router.bad_input.conftest import Office, Told
from tests.router.conftest import doctors

REQUEST_ID = "0f0e4a44-8f6f-4f39-9d3e-1a3f6ad0c001"
NO_WEIGHT = "must be a number from 0 to 100, got "
WRONG_WEIGHTS = {
    "negative": (-0.5, "-0.5"),
    "NaN": (math.nan, "nan"),
    "infinite": (math.inf, "inf"),
    "minus infinite": (-math.inf, "-inf"),
    "over 100": (100.5, "100.5"),
}


def invalid(field: str, said: str) -> Told:
    return Told("INVALID_ARGUMENT", "INVALID_ARGUMENT", [field], f"{field}: {said}")


def weighing(*weights: float) -> Router:
    """A router over the two doctors with these weights."""
    names = ("cancer-bayes", "cancer-stump")
    return Router(variants=[{"model": n, "weight": w} for n, w in zip(names, weights, strict=False)])


async def create_after_all(office: Office) -> None:
    """The name and the request id were not used up by what was refused."""
    made = await office.manage(
        "RouterService/CreateRouter", router_id="cancer", router=doctors(), request_id=REQUEST_ID
    )
    assert (made.router.generation, made.router.name) == (1, "routers/cancer")
    assert [one.uid for one in (await office.manage("RouterService/ListRouters")).routers] == [
        made.router.uid
    ]
    await office.desk.deploy("cancer")
    assert (await office.desk.predict("cancer")).prediction_id


async def refuse_creation(office: Office, router: Router) -> Told:
    return await office.refuse(
        "RouterService/CreateRouter", router_id="cancer", router=router, request_id=REQUEST_ID
    )


@pytest.mark.parametrize(("weight", "shown"), WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS)
async def test_a_router_with_a_weight_that_is_none_is_not_created(
    office: Office, weight: float, shown: str
) -> None:
    said = NO_WEIGHT + shown
    told = await refuse_creation(office, weighing(1.0, weight))
    assert told == invalid("router.variants[1].weight", said)
    await create_after_all(office)


async def test_a_router_whose_weights_are_all_zero_is_not_created(office: Office) -> None:
    told = await refuse_creation(office, weighing(0.0, 0.0))
    assert told == invalid("router.variants", "at least one enabled variant needs a weight above 0")
    await create_after_all(office)


@pytest.mark.parametrize("count", [0, 1])
async def test_a_router_of_fewer_than_two_variants_is_not_created(office: Office, count: int) -> None:
    told = await refuse_creation(office, weighing(*[1.0] * count))
    assert told.fields[0] == "router.variants"
    assert told == Told(
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
        told.fields,
        f"router.variants: at least 2 are needed, got {count}",
    )
    await create_after_all(office)


async def test_a_router_of_two_variants_of_which_one_is_disabled_is_not_created(office: Office) -> None:
    router = doctors()
    router.variants[1].enabled = False
    told = await refuse_creation(office, router)
    assert told == invalid("router.variants", "at least 2 must stay enabled")
    await create_after_all(office)


async def test_a_router_over_an_unknown_model_is_not_created(office: Office) -> None:
    router = doctors()
    router.variants[1].model = "nobody"
    told = await refuse_creation(office, router)
    said = "router.variants[1].model: models/nobody is not registered"
    assert told == Told("NOT_FOUND", "MODEL_NOT_FOUND", ["router.variants[1].model"], said)
    await create_after_all(office)


async def test_a_jury_with_an_unknown_method_of_aggregation_is_not_created(office: Office) -> None:
    told = await refuse_creation(office, doctors(ensemble={"aggregation": 77}))
    methods = "vote, average, weighted_average, max_confidence, stacking, median, log_pool, semantic_mean"
    said = f"one of {methods}, json_majority, cascade; got 77"
    assert told == invalid("router.ensemble.aggregation", said)
    await create_after_all(office)


CHANGES: dict[str, tuple[str, dict[str, Any], str, str]] = {
    f"{method} {case}": (method, fields | {value: given}, field, NO_WEIGHT + shown)
    for case, (weight, shown) in WRONG_WEIGHTS.items()
    for method, fields, value, given, field in (
        ("UpdateVariantWeight", {"variant": "cancer-bayes"}, "weight", weight, "weight"),
        ("SetWeights", {}, "weights", {"cancer-bayes": weight}, "weights['cancer-bayes']"),
    )
}  # fmt: skip


@pytest.mark.parametrize(("method", "fields", "field", "said"), CHANGES.values(), ids=CHANGES)
async def test_a_weight_that_is_none_changes_nothing(
    office: Office, method: str, fields: dict[str, Any], field: str, said: str
) -> None:
    before = await office.desk.create("cancer", doctors())
    told = await office.refuse(f"RouterService/{method}", name="cancer", request_id=REQUEST_ID, **fields)
    assert told == invalid(field, said)
    after = (await office.manage("RouterService/GetRouter", name="cancer")).router
    assert (after, after.etag, after.generation) == (before, before.etag, before.generation)
    good = {"cancer-bayes": 3.0}
    set_ = await office.manage(
        "RouterService/SetWeights", name="cancer", weights=good, etag=before.etag, request_id=REQUEST_ID
    )
    assert (set_.router.variants[0].weight, set_.router.generation) == (3.0, before.generation + 1)


@pytest.mark.parametrize(
    ("method", "field", "right"),
    [
        ("UpdateVariantWeight", "weight", "a number from 0 to 100"),
        ("ToggleVariant", "enabled", "true or false"),
    ],
)
async def test_what_is_left_out_is_not_taken_for_zero(
    office: Office, method: str, field: str, right: str
) -> None:
    await office.desk.create("cancer", doctors())
    told = await office.refuse(f"RouterService/{method}", name="cancer", variant="cancer-bayes")
    assert told == Told("INVALID_ARGUMENT", "INVALID_ARGUMENT", [field], f"{field} is required: {right}")


async def test_one_wrong_weight_of_several_changes_none_of_them(office: Office) -> None:
    before = await office.desk.create("cancer", doctors())
    weights = {"cancer-bayes": 7.0, "cancer-stump": -1.0}
    told = await office.refuse("RouterService/SetWeights", name="cancer", weights=weights)
    assert told == invalid("weights['cancer-stump']", "must be a number from 0 to 100, got -1")
    assert (await office.manage("RouterService/GetRouter", name="cancer")).router == before


@pytest.mark.parametrize(
    ("method", "fields", "field"),
    [
        ("SetWeights", {"weights": {"cancer-bayes": 0.0, "cancer-stump": 0.0}}, "weights"),
        ("UpdateVariantWeight", {"variant": "cancer-bayes", "weight": 0.0}, "weight"),
    ],
)
async def test_the_last_weight_above_zero_stays(
    office: Office, method: str, fields: dict[str, Any], field: str
) -> None:
    """The field that is blamed is one of the request, which has no `router`."""
    before = await office.desk.create("cancer", weighing(1.0, 0.0))
    told = await office.refuse(f"RouterService/{method}", name="cancer", **fields)
    said = "would leave router.variants wrong: at least one enabled variant needs a weight above 0"
    assert told == invalid(field, said)
    assert (await office.manage("RouterService/GetRouter", name="cancer")).router == before


async def test_two_variants_stay_enabled(office: Office) -> None:
    before = await office.desk.create("cancer", doctors())
    told = await office.refuse(
        "RouterService/ToggleVariant", name="cancer", variant="cancer-bayes", enabled=False
    )
    said = "routers/cancer would be left with 1 enabled variant; at least 2 stay enabled"
    assert told == Told("FAILED_PRECONDITION", "TOO_FEW_VARIANTS", ["enabled"], said)
    assert (await office.manage("RouterService/GetRouter", name="cancer")).router == before
    await office.desk.deploy("cancer")
    assert (await office.desk.predict("cancer", variant="cancer-bayes")).prediction_id
