"""UpdateRouter: what a mask changes, what it may not, and two who change at once."""

import asyncio

import pytest
from turnout.router.v1.router_pb2 import Router, RouterState

from services.foundation.errors import RemoteError
from tests.router.conftest import Desk, doctors
from tests.router.resource.asking import ask, fields_of, read, refused_update, update

REQUEST_ID = "0f0e4a44-8f6f-4f39-9d3e-1a3f6ad0c001"
CANARY = {"baseline_model": "cancer-bayes", "canary_model": "cancer-stump"}


async def test_without_a_mask_what_is_populated_changes_and_nothing_else(desk: Desk) -> None:
    before = await desk.create("cancer", doctors(tags=["old"]))
    after = await update(desk, Router(name="cancer", description="for doctors"))
    assert (after.description, list(after.tags), after.generation) == ("for doctors", ["old"], 2)
    assert list(after.variants) == list(before.variants)


async def test_a_router_sent_back_as_it_was_read_keeps_what_is_the_servers(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    seen = await read(desk, "cancer")
    seen.description, seen.state, seen.owner = "new", RouterState.ROUTER_STATE_FAILED, "somebody"
    after = await update(desk, seen)
    assert after.description == "new"
    assert (after.state, after.owner, after.uid) == (RouterState.ROUTER_STATE_RUNNING, "", seen.uid)


async def test_a_mask_clears_what_the_request_does_not_set(desk: Desk) -> None:
    await desk.create("cancer", doctors(description="old", tags=["old"]))
    after = await update(desk, Router(name="cancer"), "description", "tags")
    assert (after.description, list(after.tags)) == ("", [])


async def test_nested_paths_change_a_part_and_leave_the_rest(desk: Desk) -> None:
    await desk.create("trial", Router(canary=CANARY))
    after = await update(
        desk, Router(name="trial", canary={"canary_percentage": 25}), "canary.canary_percentage"
    )
    assert (after.canary.canary_percentage, after.canary.canary_model) == (25, "cancer-stump")
    # The same without a mask: a part is not replaced by the little that is said of it.
    after = await update(desk, Router(name="trial", canary={"canary_percentage": 30}))
    assert (after.canary.canary_percentage, after.canary.baseline_model) == (30, "cancer-bayes")
    generations = (await ask(desk, "ListRouterGenerations", name="trial")).generations
    assert [list(one.changed_fields) for one in generations][:2] == [["canary.canary_percentage"]] * 2


async def test_a_strategy_takes_the_place_of_another(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    after = await update(desk, Router(name="cancer", bandit={"exploration_rate": 0.2}))
    assert after.WhichOneof("strategy") == "bandit"
    assert after.bandit.reward_window == 1000
    after = await update(desk, Router(name="cancer"), "bandit")
    assert after.WhichOneof("strategy") == "weighted"


async def test_a_star_replaces_the_configuration_and_keeps_the_life(desk: Desk) -> None:
    await desk.deploy("cancer", doctors(description="old", tags=["old"]))
    await ask(desk, "UpdatePermissions", name="cancer", permissions={"viewers": ["ann"]})
    after = await update(desk, Router(name="cancer", random={}, variants=doctors().variants), "*")
    assert (after.WhichOneof("strategy"), after.description, list(after.tags)) == ("random", "", [])
    assert after.default_deadline.seconds == 30
    assert (after.state, list(after.permissions.viewers)) == (RouterState.ROUTER_STATE_RUNNING, ["ann"])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("state", "state is set by the server"),
        ("generation", "generation is set by the server"),
        ("owner", "owner is set by the server"),
        ("permissions.viewers", "permissions.viewers is changed by UpdatePermissions"),
        ("name", "name says what to change and cannot be changed"),
        ("colour", "'colour' leads nowhere: Router has no field 'colour'"),
        ("canary.colour", "'canary.colour' leads nowhere: canary has no field 'colour'"),
        (
            "variants.weight",
            "'variants.weight' leads into variants, which is replaced as a whole: write variants",
        ),
        ("", "'' leads nowhere: Router has no field ''"),
    ],
)
async def test_a_path_that_may_not_be_written_is_refused_by_name(desk: Desk, path: str, said: str) -> None:
    before = await desk.create("cancer", doctors())
    error = await refused_update(desk, Router(name="cancer", description="x"), "description", path)
    assert (error.code, error.message, fields_of(error)) == (
        "INVALID_ARGUMENT",
        f"update_mask: {said}",
        ["update_mask"],
    )
    assert await read(desk, "cancer") == before


async def test_a_star_stands_alone_and_nothing_is_no_change(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    assert "stands alone" in (await refused_update(desk, Router(name="cancer"), "*", "tags")).message
    assert "name the fields to change" in (await refused_update(desk, Router(name="cancer"))).message
    stranger = Router(name="cancer", permissions={"editors": ["me"]}, description="x")
    assert fields_of(await refused_update(desk, stranger)) == ["router.permissions"]


async def test_the_whole_is_checked_before_anything_is_written(desk: Desk) -> None:
    before = await desk.create("cancer", doctors())
    error = await refused_update(desk, Router(name="cancer", variants=[{"model": "cancer-bayes"}]))
    assert fields_of(error) == ["router.variants"]
    unknown = Router(name="cancer", variants=[{"model": "cancer-bayes"}, {"model": "nobody"}])
    error = await refused_update(desk, unknown)
    assert (error.reason, fields_of(error)) == ("MODEL_NOT_FOUND", ["router.variants[1].model"])
    assert (await refused_update(desk, Router(name="nobody", description="x"))).reason == "ROUTER_NOT_FOUND"
    assert await read(desk, "cancer") == before


async def test_of_two_who_saw_the_same_one_is_refused_and_nobody_is_lost(desk: Desk) -> None:
    seen = await desk.create("cancer", doctors())
    tries = [
        update(desk, Router(name="cancer", etag=seen.etag, description=f"by {who}")) for who in ("ann", "ben")
    ]
    told = await asyncio.gather(*tries, return_exceptions=True)
    (refused,) = [one for one in told if isinstance(one, RemoteError)]
    (made,) = [one for one in told if isinstance(one, Router)]
    assert (refused.code, refused.reason) == ("ABORTED", "STALE_ETAG")
    assert await read(desk, "cancer") == made


async def test_of_many_who_look_at_nothing_nobody_is_lost(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    await asyncio.gather(
        update(desk, Router(name="cancer", description="new")),
        update(desk, Router(name="cancer", tags=["new"])),
        ask(desk, "SetWeights", name="cancer", weights={"cancer-bayes": 7}),
        ask(desk, "UpdatePermissions", name="cancer", permissions={"viewers": ["ann"]}),
    )
    after = await read(desk, "cancer")
    assert (after.description, list(after.tags), after.variants[0].weight) == ("new", ["new"], 7)
    assert (list(after.permissions.viewers), after.generation) == (["ann"], 4)


async def test_sent_again_it_is_one_change_and_checked_only_none(desk: Desk) -> None:
    before = await desk.create("cancer", doctors())
    would = await update(desk, Router(name="cancer", description="x"), validate_only=True)
    assert would.description == "x"
    assert await read(desk, "cancer") == before
    first = await update(desk, Router(name="cancer", description="y"), request_id=REQUEST_ID)
    await update(desk, Router(name="cancer", description="since"))
    assert await update(desk, Router(name="cancer", description="y"), request_id=REQUEST_ID) == first
    assert (await read(desk, "cancer")).description == "since"


async def test_what_runs_takes_an_update_at_once(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    heavy = Router(
        name="cancer", variants=[{"model": "cancer-bayes", "weight": 0}, {"model": "cancer-stump"}]
    )
    await update(desk, heavy)
    for _ in range(200):
        reply = await desk.predict("cancer")
        if reply.manifest.generation == 2:
            break
    assert reply.manifest.decision.variant == "cancer-stump"
