"""UpdateModel, DeleteModel, ListModels: what a mask changes, and what routers hear of it."""

import asyncio
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from turnout.router.v1.model_pb2 import FEATURE_KIND_CATEGORICAL, Model

from examples.fleet.catalog import registration
from services.foundation.errors import RemoteError
from tests.fleet import fleet_model
from tests.router.conftest import Desk, doctors
from tests.router.resource.asking import ask, fields_of, refusal
from tests.waiting import eventually

REQUEST_ID = "0f0e4a44-8f6f-4f39-9d3e-1a3f6ad0c001"
BAYES = "models/cancer-bayes"


async def change(desk: Desk, model: Model, *paths: str, **how: Any) -> Any:
    mask = FieldMask(paths=paths)
    return await ask(desk, "ModelService/UpdateModel", model=model, update_mask=mask, **how)


async def refused(desk: Desk, model: Model, *paths: str, **how: Any) -> RemoteError:
    mask = FieldMask(paths=paths)
    return await refusal(desk, "ModelService/UpdateModel", model=model, update_mask=mask, **how)


async def stored(desk: Desk, name: str = BAYES) -> Model:
    return (await ask(desk, "ModelService/GetModel", name=name)).model  # type: ignore[no-any-return]


async def test_what_is_named_changes_and_nothing_else(desk: Desk) -> None:
    before = await stored(desk)
    after = (await change(desk, Model(name=BAYES, family="trees", threshold=0.25))).model
    assert (after.family, after.threshold, after.generation) == ("trees", 0.25, 2)
    assert after.endpoints == before.endpoints
    after = (await change(desk, Model(name=BAYES, timeout={"nanos": 250_000_000}), "timeout", "family")).model
    assert (after.timeout.nanos, after.family) == (250_000_000, "")
    after = (await change(desk, Model(name=BAYES, cost={"per_call": 0}), "cost.per_call")).model
    assert after.cost.HasField("per_call")


async def test_predictions_follow_the_endpoint(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    await desk.servers["cancer-bayes"].drain(grace=0)
    async with fleet_model("cancer-bayes") as elsewhere:
        await change(desk, Model(name=BAYES, endpoints=[{"address": elsewhere.address}]))

        async def answered() -> Any:
            try:
                return await desk.predict("cancer", variant="cancer-bayes")
            except RemoteError as error:
                raise AssertionError(error.message) from error

        assert (await eventually(answered)).manifest.decision.model == BAYES


@pytest.mark.parametrize(
    ("model", "paths", "field"),
    [
        ({"timeout": {"seconds": 0}}, ["timeout"], "model.timeout"),
        ({"timeout": {"seconds": 3601}}, ["timeout"], "model.timeout"),
        ({}, ["endpoints"], "model.endpoints"),
        ({"endpoints": [{"address": "h:1"}] * 2}, [], "model.endpoints[1].address"),
        ({"family": "x" * 257}, [], "model.family"),
        ({"cost": {"per_call": -1}}, [], "model.cost.per_call"),
        ({"permissions": {"viewers": ["a", "a"]}}, [], "model.permissions.viewers[1]"),
        ({"owner": "me"}, ["owner"], "update_mask"),
        ({"generation": 7}, ["generation"], "update_mask"),
        ({"family": "x"}, ["familiy"], "update_mask"),
        ({"family": "x"}, ["signature.features.kind"], "update_mask"),
    ],
)
async def test_what_cannot_work_is_refused_by_name(
    desk: Desk, model: dict[str, Any], paths: list[str], field: str
) -> None:
    before = await stored(desk)
    error = await refused(desk, Model(name=BAYES, **model), *paths)
    assert (error.code, fields_of(error)) == ("INVALID_ARGUMENT", [field])
    assert await stored(desk) == before


async def test_of_two_who_saw_the_same_one_is_refused(desk: Desk) -> None:
    seen = await stored(desk)
    tries = [change(desk, Model(name=BAYES, etag=seen.etag, family=who)) for who in ("ann", "ben")]
    told = await asyncio.gather(*tries, return_exceptions=True)
    (lost,) = [one for one in told if isinstance(one, RemoteError)]
    assert (lost.code, lost.reason) == ("ABORTED", "STALE_ETAG")
    (made,) = [one.model for one in told if not isinstance(one, BaseException)]
    assert await stored(desk) == made


async def test_sent_again_it_is_one_change_and_checked_only_none(desk: Desk) -> None:
    before = await stored(desk)
    assert (await change(desk, Model(name=BAYES, family="x"), validate_only=True)).model.family == "x"
    assert await stored(desk) == before
    first = await change(desk, Model(name=BAYES, family="y"), request_id=REQUEST_ID)
    await change(desk, Model(name=BAYES, family="z"))
    assert await change(desk, Model(name=BAYES, family="y"), request_id=REQUEST_ID) == first
    assert (await stored(desk)).family == "z"


async def test_a_change_that_parts_the_models_of_a_router_is_told(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    assert not (await change(desk, Model(name=BAYES, family="x"))).warnings
    labels = {name: f"{name}!" for name in ("benign", "malignant")}
    (warning,) = (await change(desk, Model(name=BAYES, label_map=labels))).warnings
    assert warning.startswith("routers/cancer: models/cancer-stump answers benign, malignant")
    made = await ask(desk, "CreateRouter", router_id="other", router=doctors())
    assert len(made.warnings) == 1


async def test_models_are_listed_by_what_they_are(desk: Desk) -> None:
    await change(desk, Model(name=BAYES, family="trees", provider="us", aliases=["champion"]))

    async def named(**filters: str) -> list[str]:
        return [one.name for one in (await ask(desk, "ModelService/ListModels", **filters)).models]

    assert await named(family="trees") == await named(provider="us") == [BAYES]
    assert await named(alias="cancer-bayes@champion") == [BAYES]
    assert await named(family="trees", provider="them") == []
    assert await named(alias="cancer-bayes@nobody") == []
    error = await refusal(desk, "ModelService/ListModels", alias="no alias")
    assert fields_of(error) == ["alias"]
    # Of all models, which one's champion is not known.
    with pytest.raises(RemoteError, match=r"alias must be \{base\}@\{alias\}, each"):
        await ask(desk, "ModelService/ListModels", alias="champion")


async def test_a_deletion_that_is_only_checked_deletes_nothing(desk: Desk) -> None:
    before = await stored(desk)
    assert (await ask(desk, "ModelService/DeleteModel", name=BAYES, validate_only=True)).model.name == BAYES
    assert await stored(desk) == before
    await desk.create("cancer", doctors())
    error = await refusal(desk, "ModelService/DeleteModel", name=BAYES, validate_only=True)
    assert error.reason == "MODEL_IN_USE"
    error = await refusal(desk, "ModelService/DeleteModel", name="nobody", etag='"x"', validate_only=True)
    assert error.reason == "MODEL_NOT_FOUND"


async def test_a_taken_name_is_blamed_on_the_field_that_gives_it(desk: Desk) -> None:
    model = registration("cancer-bayes", desk.servers["cancer-bayes"].address)
    error = await refusal(desk, "ModelService/RegisterModel", model=model)
    assert (error.reason, fields_of(error)) == ("NAME_TAKEN", ["model.name"])
    model.ClearField("name")
    error = await refusal(desk, "ModelService/RegisterModel", model=model, model_id="cancer-bayes")
    assert (error.reason, fields_of(error)) == ("NAME_TAKEN", ["model_id"])


async def test_a_model_may_not_take_from_a_condition_what_it_reads(desk: Desk) -> None:
    """The router would go on with its former generation, and a replica that starts anew could not load it."""
    policies = [{"name": "large", "condition": "features['mean radius'] > 20.0", "variant": "cancer-stump"}]
    await desk.deploy("cancer", doctors(policies=policies))
    both = {one: await stored(desk, f"models/{one}") for one in ("cancer-bayes", "cancer-stump")}
    kept = {
        name: [one for one in model.signature.features if one.name != "mean radius"]
        for name, model in both.items()
    }
    less = {
        name: Model(name=f"models/{name}", signature={"features": features})
        for name, features in kept.items()
    }
    # The other one declares it still.
    await change(desk, less["cancer-stump"], "signature.features")
    error = await refused(desk, less["cancer-bayes"], "signature.features")
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "MODELS_DISAGREE")
    assert fields_of(error) == ["model.signature.features"]
    for named in ("routers/cancer", "policy large", "policies[0].condition", "mean radius"):
        assert named in error.message
    odd = Model(name=BAYES, signature=both["cancer-bayes"].signature)
    next(one for one in odd.signature.features if one.name == "mean radius").kind = FEATURE_KIND_CATEGORICAL
    assert (await refused(desk, odd, "signature.features")).reason == "MODELS_DISAGREE"
    assert await stored(desk) == both["cancer-bayes"]
    await ask(desk, "UpdateRouter", router={"name": "cancer"}, update_mask=FieldMask(paths=["policies"]))
    await change(desk, less["cancer-bayes"], "signature.features")


@pytest.mark.parametrize(
    ("strategy", "field"),
    [
        ({"cost_aware": {"min_quality": 0.5}}, "router.cost_aware"),
        ({"best_metric": {"metric": "cost"}}, "router.best_metric.metric"),
    ],
)
async def test_a_price_in_another_currency_is_told_of_the_routers_that_compare_it(
    desk: Desk, strategy: dict[str, Any], field: str
) -> None:
    await desk.create("cheap", doctors(**strategy))
    await desk.create("plain", doctors(weighted={}))
    cost = {"per_call": 0.25, "currency": "EUR"}
    (warning,) = (await change(desk, Model(name=BAYES, cost=cost), "cost", validate_only=True)).warnings
    assert warning.startswith(f"routers/cheap: {field}: compares costs, which needs one currency; got ")
    assert "cancer-bayes in EUR" in warning
    assert list((await change(desk, Model(name=BAYES, cost=cost), "cost")).warnings) == [warning]
    # It is told once, by the change that brings it about.
    assert not (await change(desk, Model(name=BAYES, family="trees"))).warnings
    assert not (
        await change(desk, Model(name=BAYES, cost={"per_call": 0.25, "currency": "USD"}), "cost")
    ).warnings


async def test_a_price_beyond_what_a_panel_may_cost_is_told_too(desk: Desk) -> None:
    await desk.create("panel", doctors(ensemble={"aggregation": "AGGREGATION_METHOD_VOTE", "max_cost": 1.0}))
    dear = Model(name=BAYES, cost={"per_call": 5.0, "currency": "USD"})
    warnings = list((await change(desk, dear, "cost")).warnings)
    assert any(one.startswith("routers/panel: router.ensemble.max_cost: at least ") for one in warnings), (
        warnings
    )
