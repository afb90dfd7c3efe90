"""AddVariant and RemoveVariant, permissions, and when a variant was last enabled."""

from typing import Any

import pytest
from turnout.router.v1.router_pb2 import Router

from tests.router.conftest import Desk, doctors
from tests.router.resource.asking import ask, fields_of, read, refusal, update

THREE = ("cancer-bayes", "cancer-stump", "cancer-logistic")


async def three(desk: Desk, name: str = "cancer", **strategy: Any) -> Router:
    await desk.seat("cancer-logistic")
    return await desk.create(name, Router(variants=[{"model": one} for one in THREE], **strategy))


async def test_a_variant_joins_with_its_defaults_and_answers(desk: Desk) -> None:
    await desk.seat("cancer-logistic")
    await desk.deploy("cancer", doctors())
    after = (await ask(desk, "AddVariant", name="cancer", variant={"model": "cancer-logistic"})).router
    joined = after.variants[2]
    assert (joined.id, joined.model, joined.enabled) == ("cancer-logistic", "models/cancer-logistic", True)
    assert joined.HasField("enable_time")
    assert after.generation == 2


@pytest.mark.parametrize(
    ("variant", "code", "fields"),
    [
        ({}, "INVALID_ARGUMENT", ["variant.model"]),
        ({"model": "nobody"}, "NOT_FOUND", ["variant.model"]),
        ({"model": "nobody@champion"}, "NOT_FOUND", ["variant.model"]),
        ({"model": "cancer-bayes"}, "INVALID_ARGUMENT", ["variant.id"]),
        ({"id": "x", "model": "cancer-bayes", "weight": 100.5}, "INVALID_ARGUMENT", ["variant.weight"]),
        ({"id": "x", "model": "cancer-bayes", "weight": -0.5}, "INVALID_ARGUMENT", ["variant.weight"]),
    ],
)
async def test_a_variant_that_cannot_join_is_refused_in_its_own_words(
    desk: Desk, variant: dict[str, Any], code: str, fields: list[str]
) -> None:
    before = await desk.create("cancer", doctors())
    error = await refusal(desk, "AddVariant", name="cancer", variant=variant)
    assert (error.code, fields_of(error)) == (code, fields)
    assert await read(desk, "cancer") == before


@pytest.mark.parametrize("weight", [0.0, 100.0])
async def test_the_ends_of_the_scale_are_on_it(desk: Desk, weight: float) -> None:
    await desk.create("cancer", doctors())
    variant = {"id": "third", "model": "cancer-bayes", "weight": weight}
    assert (await ask(desk, "AddVariant", name="cancer", variant=variant)).router.variants[2].weight == weight


async def test_a_name_means_the_same_variant_whoever_joins(desk: Desk) -> None:
    policies = [{"name": "mine", "condition": "true", "variant": "cancer-bayes"}]
    given = Router(variants=[{"id": "x", "model": "cancer-bayes"}, {"model": "cancer-stump"}])
    given.MergeFrom(Router(policies=policies, default_model="models/cancer-bayes"))
    made = await desk.create("cancer", given)
    assert (made.policies[0].variant, made.default_model) == ("x", "x")
    after = (await ask(desk, "AddVariant", name="cancer", variant={"model": "cancer-bayes"})).router
    assert [one.id for one in after.variants] == ["x", "cancer-stump", "cancer-bayes"]
    assert (after.policies[0].variant, after.default_model) == ("x", "x")


async def test_a_name_that_could_mean_two_variants_is_refused_where_it_is_written(desk: Desk) -> None:
    given = Router(variants=[{"id": one, "model": "cancer-bayes"} for one in ("x", "y")])
    given.policies.add(name="mine", condition="true", variant="cancer-bayes")
    given.fallback.variants.append("x")
    error = await refusal(desk, "CreateRouter", router_id="cancer", router=given)
    assert (error.code, fields_of(error)) == ("INVALID_ARGUMENT", ["router.policies[0].variant"])
    assert "the id of one variant: cancer-bayes is the model of x, y" in error.message
    given.policies[0].variant = "y"
    assert (await desk.create("cancer", given)).policies[0].variant == "y"


async def test_a_variant_leaves_and_two_stay(desk: Desk) -> None:
    await three(desk)
    after = (await ask(desk, "RemoveVariant", name="cancer", variant="cancer-stump")).router
    assert [one.id for one in after.variants] == ["cancer-bayes", "cancer-logistic"]
    error = await refusal(desk, "RemoveVariant", name="cancer", variant="cancer-bayes")
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "TOO_FEW_VARIANTS")
    error = await refusal(desk, "RemoveVariant", name="cancer", variant="nobody")
    assert (error.reason, fields_of(error)) == ("VARIANT_NOT_FOUND", ["variant"])


async def test_two_enabled_ones_stay_whatever_is_disabled(desk: Desk) -> None:
    await three(desk)
    await ask(desk, "ToggleVariant", name="cancer", variant="cancer-stump", enabled=False)
    error = await refusal(desk, "RemoveVariant", name="cancer", variant="cancer-bayes")
    assert error.reason == "TOO_FEW_VARIANTS"
    after = (await ask(desk, "RemoveVariant", name="cancer", variant="cancer-stump")).router
    assert len(after.variants) == 2


async def test_who_is_named_elsewhere_stays(desk: Desk) -> None:
    await three(desk, canary={"baseline_model": "cancer-bayes", "canary_model": "cancer-stump"})
    error = await refusal(desk, "RemoveVariant", name="cancer", variant="cancer-stump")
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "VARIANT_IN_USE")
    assert "canary.canary_model" in error.message
    await three_members(desk)
    error = await refusal(desk, "RemoveVariant", name="panel", variant="cancer-bayes")
    assert "ensemble.members[0]" in error.message


async def three_members(desk: Desk) -> None:
    members = {"members": ["cancer-bayes", "cancer-stump"]}
    await desk.create("panel", Router(variants=[{"model": one} for one in THREE], ensemble=members))


@pytest.mark.parametrize(
    ("strategy", "how"),
    [
        ({"shadow": {"primary": "cancer-bayes"}}, "shadow chooses by its primary"),
        (
            {"feature_based": {"rules": [{"condition": "true", "model": "cancer-bayes"}]}},
            "feature_based chooses by its rules",
        ),
        ({"complexity": {"small": "cancer-bayes", "large": "cancer-stump"}}, "complexity chooses by what"),
    ],
)
async def test_a_weight_that_nothing_reads_is_not_set(desk: Desk, strategy: dict[str, Any], how: str) -> None:
    before = await desk.create("cancer", doctors(**strategy, default_model="cancer-stump"))
    one = {"name": "cancer", "variant": "cancer-bayes", "weight": 30}
    error = await refusal(desk, "UpdateVariantWeight", **one)
    assert (error.code, fields_of(error)) == ("FAILED_PRECONDITION", ["weight"])
    assert how in error.message
    error = await refusal(desk, "SetWeights", name="cancer", weights={"cancer-bayes": 30})
    assert (error.code, fields_of(error)) == ("FAILED_PRECONDITION", ["weights['cancer-bayes']"])
    assert await read(desk, "cancer") == before


async def test_a_weight_that_a_policy_reads_is_set(desk: Desk) -> None:
    policies = [{"name": "split", "condition": "true", "strategy": {"weighted": {}}}]
    await desk.create("cancer", doctors(shadow={"primary": "cancer-bayes"}, policies=policies))
    after = await ask(desk, "UpdateVariantWeight", name="cancer", variant="cancer-bayes", weight=30)
    assert after.router.variants[0].weight == 30


async def test_a_variant_is_new_when_it_joins_and_when_it_is_enabled_again(desk: Desk) -> None:
    made = await three(desk)
    first = made.variants[2].enable_time
    assert all(one.HasField("enable_time") for one in made.variants)
    off = (await ask(desk, "ToggleVariant", name="cancer", variant="cancer-logistic", enabled=False)).router
    assert off.variants[2].enable_time == first
    back = (await ask(desk, "ToggleVariant", name="cancer", variant="cancer-logistic", enabled=True)).router
    assert back.variants[2].enable_time.ToNanoseconds() > first.ToNanoseconds()
    assert back.variants[0].enable_time == made.variants[0].enable_time
    forged = Router(name="cancer")
    forged.variants.extend(back.variants)
    forged.variants[0].enable_time.FromSeconds(5)
    forged.variants[0].weight = 3
    after = await update(desk, forged)
    assert after.variants[0].weight == 3
    assert after.variants[0].enable_time == made.variants[0].enable_time


async def test_permissions_are_stored_and_are_no_generation(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    wanted = {"public_view": True, "predictors": ["ann", "team/ben@example.com"]}
    after = (await ask(desk, "UpdatePermissions", name="cancer", permissions=wanted)).router
    assert (after.permissions.public_view, after.generation) == (True, 1)
    assert list(after.permissions.predictors) == ["ann", "team/ben@example.com"]
    (event, _) = (await ask(desk, "ListAuditEvents", resource="cancer")).events
    assert (event.method, event.generation) == ("UpdatePermissions", 0)
    assert list(event.changed_fields) == ["permissions"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"viewers": ["ann", "ann"]}, "permissions.viewers[1]"),
        ({"editors": [""]}, "permissions.editors[0]"),
        ({"editors": ["x" * 257]}, "permissions.editors[0]"),
        ({"predictors": ["a\nb"]}, "permissions.predictors[0]"),
        ({"viewers": [f"u{number}" for number in range(1001)]}, "permissions.viewers"),
    ],
    ids=["twice", "empty", "long", "two lines", "many"],
)
async def test_a_user_that_is_none_is_refused_by_place(desk: Desk, given: dict[str, Any], field: str) -> None:
    before = await desk.create("cancer", doctors())
    error = await refusal(desk, "UpdatePermissions", name="cancer", permissions=given)
    assert (error.code, fields_of(error)) == ("INVALID_ARGUMENT", [field])
    assert fields_of(await refusal(desk, "UpdatePermissions", name="cancer")) == ["permissions"]
    assert await read(desk, "cancer") == before


async def test_a_thousand_users_and_long_names_are_taken(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    users = ["x" * 256, *(f"u{number}" for number in range(999))]
    await ask(desk, "UpdatePermissions", name="cancer", permissions={"viewers": users})
    assert len((await read(desk, "cancer")).permissions.viewers) == 1000
