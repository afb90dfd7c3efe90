"""Aliases: a router that names one follows it, generation by generation, or the move is refused whole."""

import asyncio
from typing import Any

import pytest
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.foundation.errors import RemoteError
from tests.router.conftest import Desk
from tests.router.resource.asking import ask, fields_of, read, refusal

REQUEST_ID = "0f0e4a44-8f6f-4f39-9d3e-1a3f6ad0c001"
CHAMPION, CHALLENGER = "cancer@champion", "cancer@challenger"


async def give(desk: Desk, model: str, alias: str, **how: Any) -> Any:
    return await ask(desk, "ModelService/SetAlias", model=model, alias=alias, **how)


async def duel(desk: Desk, name: str = "duel") -> Router:
    """A router over champion (bayes) and challenger (stump)."""
    await give(desk, "cancer-bayes", CHAMPION)
    await give(desk, "cancer-stump", CHALLENGER)
    return await desk.create(name, Router(variants=[{"model": CHAMPION}, {"model": CHALLENGER}]))


def stand_for(router: Router) -> list[str]:
    return [variant.resolved_model for variant in router.variants]


async def test_a_variant_may_name_an_alias_and_the_manifest_names_the_model(desk: Desk) -> None:
    made = await duel(desk)
    assert [one.id for one in made.variants] == ["cancer-champion", "cancer-challenger"]
    assert [one.model for one in made.variants] == [f"models/{CHAMPION}", f"models/{CHALLENGER}"]
    assert stand_for(made) == ["models/cancer-bayes", "models/cancer-stump"]
    await desk.deploy("duel")
    decision = (await desk.predict("duel", variant="cancer-champion")).manifest.decision
    assert (decision.variant, decision.model) == ("cancer-champion", "models/cancer-bayes")


async def test_moving_an_alias_moves_each_router_that_uses_it(desk: Desk) -> None:
    await desk.seat("cancer-logistic")
    await duel(desk)
    await desk.create("other", Router(variants=[{"model": "cancer-bayes"}, {"model": "cancer-stump"}]))
    await desk.deploy("duel")
    moved = await give(desk, "cancer-logistic", CHAMPION)
    assert list(moved.routers) == ["routers/duel"]
    assert list(moved.model.aliases) == [CHAMPION]
    after = await read(desk, "duel")
    assert (after.generation, stand_for(after)) == (2, ["models/cancer-logistic", "models/cancer-stump"])
    assert (await read(desk, "other")).generation == 1
    assert list((await ask(desk, "ModelService/GetModel", name="cancer-bayes")).model.aliases) == []
    (latest, *_) = (await ask(desk, "ListRouterGenerations", name="duel")).generations
    assert latest.method == "SetAlias"
    events = (await ask(desk, "ListAuditEvents", method="SetAlias")).events
    assert [one.resource for one in events][:2] == ["routers/duel", "models/cancer-logistic"]
    assert (await ask(desk, "ListRouters", model="cancer-logistic")).routers[0].name == "routers/duel"


async def test_giving_what_a_model_has_changes_nothing(desk: Desk) -> None:
    await duel(desk)
    assert not (await give(desk, "cancer-bayes", CHAMPION)).routers
    assert (await read(desk, "duel")).generation == 1


async def test_a_move_that_a_router_cannot_take_is_refused_whole(desk: Desk) -> None:
    await duel(desk)
    odd = registration("cancer-logistic", "127.0.0.1:9")
    odd.label_map.update({"benign": "no", "malignant": "yes"})
    await desk.register(odd)
    error = await refusal(desk, "ModelService/SetAlias", model="cancer-logistic", alias=CHAMPION)
    assert (error.code, error.reason, fields_of(error)) == (
        "FAILED_PRECONDITION",
        "MODELS_DISAGREE",
        ["alias"],
    )
    assert "routers/duel cannot take models/cancer-logistic" in error.message
    assert (await read(desk, "duel")).generation == 1
    holders = (await ask(desk, "ModelService/ListModels", alias=CHAMPION)).models
    assert [one.name for one in holders] == ["models/cancer-bayes"]


async def test_a_move_sent_again_or_only_checked(desk: Desk) -> None:
    await desk.seat("cancer-logistic")
    await duel(desk)
    would = await give(desk, "cancer-logistic", CHAMPION, validate_only=True)
    assert list(would.routers) == ["routers/duel"]
    assert (await read(desk, "duel")).generation == 1
    first = await give(desk, "cancer-logistic", CHAMPION, request_id=REQUEST_ID)
    await give(desk, "cancer-bayes", CHAMPION)
    assert await give(desk, "cancer-logistic", CHAMPION, request_id=REQUEST_ID) == first
    assert stand_for(await read(desk, "duel"))[0] == "models/cancer-bayes"
    error = await refusal(
        desk, "ModelService/SetAlias", model="cancer-bayes", alias=CHAMPION, request_id=REQUEST_ID
    )
    assert error.reason == "REQUEST_ID_REUSED"


async def test_movers_and_creators_at_once_leave_nobody_behind(desk: Desk) -> None:
    """Whoever comes last, in the end every router stands where the table does."""
    await desk.seat("cancer-logistic")
    await duel(desk)
    moves = [give(desk, model, CHAMPION) for model in ("cancer-logistic", "cancer-bayes", "cancer-logistic")]
    variants = [{"model": CHAMPION}, {"model": CHALLENGER}]
    made = [desk.create(f"r{number}", Router(variants=variants)) for number in range(6)]
    told = await asyncio.gather(*moves, *made, return_exceptions=True)
    for one in told:
        assert not isinstance(one, BaseException) or getattr(one, "code", "") == "ABORTED", one
    (holder,) = (await ask(desk, "ModelService/ListModels", alias=CHAMPION)).models
    for router in (await ask(desk, "ListRouters")).routers:
        assert stand_for(router)[0] == holder.name


async def test_a_model_may_be_registered_with_aliases_and_take_them(desk: Desk) -> None:
    await duel(desk)
    new = registration("cancer-logistic", "127.0.0.1:9")
    new.aliases.extend(["cancer@champion", "best", "best"])
    made = await desk.register(new)
    assert list(made.aliases) == ["cancer-logistic@best", CHAMPION]
    assert stand_for(await read(desk, "duel"))[0] == "models/cancer-logistic"


@pytest.mark.parametrize("alias", ["", "Champion", "a@b@c", "@", "a@", "x" * 64])
async def test_what_is_no_alias_is_refused(desk: Desk, alias: str) -> None:
    error = await refusal(desk, "ModelService/SetAlias", model="cancer-bayes", alias=alias)
    assert (error.code, fields_of(error)) == ("INVALID_ARGUMENT", ["alias"])


async def test_who_is_no_model_gets_none(desk: Desk) -> None:
    error = await refusal(desk, "ModelService/SetAlias", model="nobody", alias=CHAMPION)
    assert (error.reason, fields_of(error)) == ("MODEL_NOT_FOUND", ["model"])
    model = registration("cancer-logistic", "127.0.0.1:9")
    model.aliases.extend(f"a{number}" for number in range(33))
    with pytest.raises(RemoteError) as caught:
        await desk.register(model)
    assert fields_of(caught.value) == ["model.aliases"]
    del model.aliases[32:]
    assert len((await desk.register(model)).aliases) == 32


async def test_an_alias_that_a_router_uses_is_not_taken_away(desk: Desk) -> None:
    await duel(desk)
    mask = {"paths": ["aliases"]}
    bare = Model(name="models/cancer-bayes")
    error = await refusal(desk, "ModelService/UpdateModel", model=bare, update_mask=mask)
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "MODEL_IN_USE")
    error = await refusal(desk, "ModelService/DeleteModel", name="cancer-bayes")
    assert error.reason == "MODEL_IN_USE"
    await ask(desk, "DeleteRouter", name="duel")
    after = await ask(desk, "ModelService/UpdateModel", model=bare, update_mask=mask)
    assert not after.model.aliases
    await ask(desk, "ModelService/DeleteModel", name="cancer-stump")
    error = await refusal(
        desk,
        "CreateRouter",
        router_id="again",
        router=Router(variants=[{"model": CHALLENGER}, {"model": "cancer-bayes"}]),
    )
    assert (error.reason, fields_of(error)) == ("MODEL_NOT_FOUND", ["router.variants[0].model"])


async def test_who_read_a_model_before_its_alias_moved_does_not_take_the_alias_back(desk: Desk) -> None:
    """Also without a mask, where all that was read comes back with the change."""
    await duel(desk)
    seen = (await ask(desk, "ModelService/GetModel", name="cancer-bayes")).model
    await give(desk, "cancer-stump", CHAMPION)
    seen.display_name = "Naive"
    error = await refusal(desk, "ModelService/UpdateModel", model=seen)
    assert (error.code, error.reason, fields_of(error)) == ("ABORTED", "STALE_ETAG", ["etag"])
    error = await refusal(desk, "ModelService/DeleteModel", name="cancer-bayes", etag=seen.etag)
    assert error.reason == "STALE_ETAG"
    assert stand_for(await read(desk, "duel"))[0] == "models/cancer-stump"
    now = (await ask(desk, "ModelService/GetModel", name="cancer-bayes")).model
    now.display_name = "Naive"
    made = (await ask(desk, "ModelService/UpdateModel", model=now)).model
    assert (made.display_name, list(made.aliases)) == ("Naive", [])


async def test_whatever_shows_a_model_with_aliases_shows_the_same_etag(desk: Desk) -> None:
    moved = (await give(desk, "cancer-bayes", CHAMPION)).model
    (listed,) = (await ask(desk, "ModelService/ListModels", alias=CHAMPION)).models
    assert moved.etag == listed.etag
    moved.display_name = "Naive"
    made = (await ask(desk, "ModelService/UpdateModel", model=moved)).model
    assert made == (await ask(desk, "ModelService/GetModel", name="cancer-bayes")).model
    assert list(made.aliases) == [CHAMPION]
    await ask(desk, "ModelService/DeleteModel", name="cancer-bayes", etag=made.etag)


async def test_an_undeleted_router_stands_where_its_aliases_do_by_then(desk: Desk) -> None:
    await desk.seat("cancer-logistic")
    await duel(desk)
    await ask(desk, "DeleteRouter", name="duel")
    await give(desk, "cancer-logistic", CHAMPION)
    await ask(desk, "UndeleteRouter", name="duel")
    assert stand_for(await read(desk, "duel"))[0] == "models/cancer-logistic"
