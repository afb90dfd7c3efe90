"""Lists and answers about several things show each caller what he may see, and nothing of the rest."""

from typing import Any

import pytest
from turnout.router.v1 import ensemble_service_pb2 as ensembles
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, Model, Permissions
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from tests.access.house import House
from tests.waiting import eventually


def doctors(*names: str) -> Router:
    return Router(variants=[{"model": name} for name in names])


async def register(house: House, user: str, name: str, **more: Any) -> Model:
    """A model of a user's own."""
    model = registration("cancer-bayes", "127.0.0.1:9")
    model.name = f"models/{name}"
    model.MergeFrom(Model(**more))
    request = models.RegisterModelRequest(model=model)
    return (await house.call(user, "ModelService/RegisterModel", request)).model  # type: ignore[no-any-return]


async def create(house: House, user: str, name: str, router: Router) -> Router:
    request = routers.CreateRouterRequest(router_id=name, router=router)
    return (await house.call(user, "RouterService/CreateRouter", request)).router  # type: ignore[no-any-return]


async def test_what_a_caller_makes_is_his(house: House) -> None:
    assert (await register(house, "stranger", "a")).owner == "stranger"
    await register(house, "stranger", "b")
    assert (await create(house, "stranger", "own", doctors("a", "b"))).owner == "stranger"


async def test_lists_show_what_the_caller_may_see(house: House) -> None:
    await house.make("shared")
    await house.routers.create(
        Router(name="routers/public", owner="x", permissions=Permissions(public_view=True))
    )
    await house.routers.create(Router(name="routers/secret", owner="x"))
    for user, seen in (
        ("stranger", ["public"]),
        ("viewer", ["public", "shared"]),
        ("owner", ["public", "shared"]),
        ("admin", ["public", "secret", "shared"]),
    ):
        page = await house.call(user, "RouterService/ListRouters", routers.ListRoutersRequest())
        assert [one.name for one in page.routers] == [f"routers/{name}" for name in seen]
        found = await house.call(user, "ModelService/ListModels", models.ListModelsRequest())
        assert [one.name for one in found.models] == ([] if user == "stranger" else ["models/shared"])


async def test_a_page_token_is_good_for_its_caller_only(house: House) -> None:
    for name in ("a", "b", "c"):
        await house.make(name)
    page = await house.call("owner", "RouterService/ListRouters", routers.ListRoutersRequest(page_size=1))
    stolen = routers.ListRoutersRequest(page_size=1, page_token=page.next_page_token)
    assert (await house.refusal("viewer", "RouterService/ListRouters", stolen)).reason == "BAD_PAGE_TOKEN"


async def test_a_router_is_made_of_models_that_its_maker_may_ask(house: House) -> None:
    await house.make("shared")
    await register(house, "stranger", "own")
    request = routers.CreateRouterRequest(router_id="mine", router=doctors("own", "shared"))
    hidden = await house.refusal("stranger", "RouterService/CreateRouter", request)
    request.router.variants[1].model = "absent"
    missing = await house.refusal("stranger", "RouterService/CreateRouter", request)
    assert hidden.message.replace("shared", "absent") == missing.message
    assert hidden.reason == missing.reason == "MODEL_NOT_FOUND"
    await register(house, "viewer", "theirs")
    request = routers.CreateRouterRequest(router_id="mine", router=doctors("theirs", "shared"))
    assert (await house.refusal("viewer", "RouterService/CreateRouter", request)).facts[
        "needed"
    ] == "predictor"
    await register(house, "predictor", "third")
    await create(house, "predictor", "mine", doctors("third", "shared"))


async def test_a_helper_is_a_model_that_its_ensembles_maker_may_ask(house: House) -> None:
    await house.make("shared")
    for name in ("own", "second"):
        await register(house, "stranger", name)
    chat = Model(name="models/chat", protocol=PROTOCOL_OPENAI_CHAT)
    chat.endpoints.add(address="http://127.0.0.1:9")
    chat.timeout.FromSeconds(1)
    await house.call("stranger", "ModelService/RegisterModel", models.RegisterModelRequest(model=chat))
    router = doctors("own", "second")
    router.ensemble.judge.check.verifier.helper.model = "shared"
    request = routers.CreateRouterRequest(router_id="mine", router=router)
    hidden = await house.refusal("stranger", "RouterService/CreateRouter", request)
    request.router.ensemble.judge.check.verifier.helper.model = "absent"
    missing = await house.refusal("stranger", "RouterService/CreateRouter", request)
    assert hidden.message.replace("shared", "absent") == missing.message
    assert hidden.reason == missing.reason == "MODEL_NOT_FOUND"
    request.router.ensemble.judge.check.verifier.helper.model = "chat"
    await house.call("stranger", "RouterService/CreateRouter", request)


async def test_the_specification_s_call_is_no_way_around(house: House) -> None:
    await house.make("shared")
    await register(house, "stranger", "own")
    named: list[Any] = [{"model_id": "own"}, {"model_id": "shared"}]
    request = ensembles.CreateEnsembleRequest(name="mine", models=named, strategy="weighted")
    assert (
        await house.refusal("stranger", "EnsembleService/CreateEnsemble", request)
    ).reason == "MODEL_NOT_FOUND"


async def test_an_editor_keeps_models_that_he_may_not_ask_and_adds_none(house: House) -> None:
    for name in ("a", "b", "c"):
        await register(house, "owner", name)
    router = await create(house, "owner", "team", doctors("a", "b"))
    share = routers.UpdatePermissionsRequest(name="team", permissions=Permissions(editors=["stranger"]))
    await house.call("owner", "RouterService/UpdatePermissions", share)
    again = routers.UpdateRouterRequest(router=Router(name="team", variants=router.variants))
    again.update_mask.paths.append("variants")
    await house.call("stranger", "RouterService/UpdateRouter", again)
    more = routers.AddVariantRequest(name="team", variant={"model": "c"})
    assert (await house.refusal("stranger", "RouterService/AddVariant", more)).reason == "MODEL_NOT_FOUND"


async def test_only_the_owner_shares_a_model(house: House) -> None:
    await house.make("shared")
    request = models.UpdateModelRequest(
        model=Model(name="shared", permissions=Permissions(editors=["stranger"]))
    )
    request.update_mask.paths.append("permissions")
    assert (await house.refusal("editor", "ModelService/UpdateModel", request)).facts["needed"] == "owner"
    await house.call("owner", "ModelService/UpdateModel", request)


async def test_a_deleted_routers_name_is_told_as_such_to_those_who_may_see_it(house: House) -> None:
    await house.make("gone")
    await house.call("owner", "RouterService/DeleteRouter", routers.DeleteRouterRequest(name="gone"))
    for user, told in (("owner", "undelete that"), ("stranger", "the name routers/gone is taken")):
        await register(house, user, f"{user}s")
        variants = [{"id": one, "model": f"{user}s"} for one in "ab"]
        request = routers.CreateRouterRequest(router_id="gone", router=Router(variants=variants))
        refused = await house.refusal(user, "RouterService/CreateRouter", request)
        assert (refused.code, refused.reason) == ("ALREADY_EXISTS", "NAME_TAKEN")
        assert told in refused.message
        assert [one.field for one in refused.fields] == ["router_id"]
    await house.call("owner", "RouterService/UndeleteRouter", routers.UndeleteRouterRequest(name="gone"))


async def test_a_condition_reads_no_model_that_its_writer_may_not_see(house: House) -> None:
    """Neither by its name nor by an alias: a condition that holds or not tells what it reads."""
    await register(house, "owner", "secret", aliases=["champion"])
    await register(house, "stranger", "own")
    for hidden in ("secret", "secret@champion"):
        given = Router(variants=[{"id": one, "model": "own"} for one in "ab"])
        given.policies.add(name="p", condition=f"metrics('{hidden}').accuracy < 0.9", variant="a")
        request = routers.CreateRouterRequest(router_id="nosy", router=given)
        refused = await house.refusal("stranger", "RouterService/CreateRouter", request)
        assert refused.reason == "MODEL_NOT_FOUND"
        assert [one.field for one in refused.fields] == ["router.policies[0].condition"]
        request.router_id = f"shown-{len(hidden)}"
        await house.call("admin", "RouterService/CreateRouter", request)


async def test_an_alias_is_not_taken_from_a_model_of_others(house: House) -> None:
    """Who has the alias has the traffic of every router that uses it."""
    await register(house, "owner", "churn", aliases=["champion"])
    await register(house, "stranger", "evil")
    theft = models.SetAliasRequest(model="evil", alias="churn@champion")
    assert (await house.refusal("stranger", "ModelService/SetAlias", theft)).code == "PERMISSION_DENIED"
    model = registration("cancer-bayes", "127.0.0.1:9")
    model.name = "models/worse"
    model.aliases.append("churn@champion")
    request = models.RegisterModelRequest(model=model)
    assert (
        await house.refusal("stranger", "ModelService/RegisterModel", request)
    ).code == "PERMISSION_DENIED"


async def test_errors_do_not_name_routers_that_their_reader_may_not_see(house: House) -> None:
    await register(house, "owner", "a", permissions=Permissions(predictors=["stranger"]))
    await register(house, "stranger", "b")
    await create(house, "stranger", "hideout", doctors("a", "b"))
    request = models.DeleteModelRequest(name="a")
    error = await house.refusal("owner", "ModelService/DeleteModel", request)
    assert error.reason == "MODEL_IN_USE"
    assert "hideout" not in str(vars(error))
    assert "1 that the caller may not see" in error.message


async def test_replicas_tell_of_what_the_caller_may_see(house: House) -> None:
    for name in ("a", "b"):
        await register(house, "owner", name)
    await create(house, "owner", "served", doctors("a", "b"))
    await house.call("owner", "RouterService/DeployRouter", routers.DeployRouterRequest(name="served"))

    async def seen(user: str) -> list[str]:
        reply = await house.call(user, "RouterService/ListReplicas", routers.ListReplicasRequest())
        return [name for replica in reply.replicas for name in (*replica.generations, *replica.errors)]

    assert await eventually(lambda: seen("owner")) == ["routers/served"]
    assert await seen("stranger") == []
    assert await seen("admin") == ["routers/served"]


async def test_changes_are_shown_to_owners_to_who_made_them_and_to_administrators(house: House) -> None:
    await register(house, "owner", "a")
    await register(house, "stranger", "b")

    async def seen(user: str) -> set[str]:
        page = await house.call(user, "RouterService/ListAuditEvents", routers.ListAuditEventsRequest())
        return {event.resource for event in page.events if event.resource.startswith("models/")}

    assert await seen("owner") == {"models/a"}
    assert await seen("stranger") == {"models/b"}
    assert await seen("admin") == {"models/a", "models/b"}


@pytest.mark.parametrize("user", ["viewer", "owner"])
async def test_a_watch_ends_with_the_right_to_see(house: House, user: str) -> None:
    await house.make("watched")
    watch = house.client("turnout.router.v1").stream("turnout.router.v1.RouterService", "WatchRouter")
    seen: Any = watch(routers.WatchRouterRequest(name="watched"), timeout=15, metadata=house.headers(user))
    assert (await anext(seen)).router.name == "routers/watched"
    request = routers.UpdatePermissionsRequest(name="watched", permissions=Permissions())
    await house.call("owner", "RouterService/UpdatePermissions", request)
    if user == "owner":
        assert not (await anext(seen)).router.permissions.viewers
        await seen.aclose()
    else:
        with pytest.raises(Exception, match="there is no routers/watched"):
            await anext(seen)
