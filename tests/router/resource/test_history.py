"""Generations, the way back, and who changed what."""

import pytest
from turnout.router.v1.router_pb2 import Router, RouterState
from turnout.router.v1.router_service_pb2 import CreateRouterRequest

from services.state.shelf import KEPT_GENERATIONS
from tests.router.conftest import Desk, doctors
from tests.router.resource.asking import ask, fields_of, read, refusal, update

REQUEST_ID = "0f0e4a44-8f6f-4f39-9d3e-1a3f6ad0c001"


async def test_each_generation_says_how_it_came_about(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    await ask(desk, "SetWeights", name="cancer", weights={"cancer-bayes": 7})
    await update(desk, Router(name="cancer", bandit={}))
    listed = (await ask(desk, "ListRouterGenerations", name="cancer")).generations
    assert [one.router.generation for one in listed] == [3, 2, 1]
    assert [one.method for one in listed] == ["UpdateRouter", "SetWeights", "CreateRouter"]
    assert [list(one.changed_fields) for one in listed[:2]] == [["weighted", "bandit"], ["variants"]]
    assert {"name", "variants"} <= set(listed[2].changed_fields)
    assert all(one.HasField("time") for one in listed)


async def test_generations_come_in_pages(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    for number in range(4):
        await update(desk, Router(name="cancer", description=str(number)))
    seen, token = [], ""
    for _ in range(3):
        page = await ask(desk, "ListRouterGenerations", name="cancer", page_size=2, page_token=token)
        seen += [one.router.generation for one in page.generations]
        token = page.next_page_token
    assert (seen, token) == ([5, 4, 3, 2, 1], "")
    error = await refusal(desk, "ListRouterGenerations", name="cancer", page_token="nonsense")
    assert error.reason == "BAD_PAGE_TOKEN"
    assert (await refusal(desk, "ListRouterGenerations", name="nobody")).reason == "ROUTER_NOT_FOUND"


async def test_going_back_is_a_new_generation_of_the_same_life(desk: Desk) -> None:
    await desk.deploy("cancer", doctors(description="first"))
    await update(desk, Router(name="cancer", random={}, description="second", tags=["second"]))
    await ask(desk, "UpdatePermissions", name="cancer", permissions={"viewers": ["ann"]})
    after = (await ask(desk, "RollbackRouter", name="cancer", generation=1)).router
    assert (after.generation, after.WhichOneof("strategy")) == (3, "weighted")
    assert (after.description, list(after.tags)) == ("first", [])
    assert (after.state, list(after.permissions.viewers)) == (RouterState.ROUTER_STATE_RUNNING, ["ann"])
    assert after.endpoint == desk.address
    (latest, *_) = (await ask(desk, "ListRouterGenerations", name="cancer")).generations
    assert latest.method == "RollbackRouter"
    assert {"description", "tags", "weighted", "random"} == set(latest.changed_fields)


@pytest.mark.parametrize("generation", [0, -1])
async def test_a_generation_that_is_none_is_refused(desk: Desk, generation: int) -> None:
    await desk.create("cancer", doctors())
    error = await refusal(desk, "RollbackRouter", name="cancer", generation=generation)
    assert (error.code, fields_of(error)) == ("INVALID_ARGUMENT", ["generation"])


async def test_neither_the_present_nor_the_future_nor_the_forgotten_is_a_way_back(desk: Desk) -> None:
    before = await desk.create("cancer", doctors())
    error = await refusal(desk, "RollbackRouter", name="cancer", generation=1)
    assert (error.code, fields_of(error)) == ("INVALID_ARGUMENT", ["generation"])
    error = await refusal(desk, "RollbackRouter", name="cancer", generation=2)
    assert (error.code, error.reason) == ("NOT_FOUND", "GENERATION_NOT_FOUND")
    assert await read(desk, "cancer") == before
    for number in range(KEPT_GENERATIONS):
        await update(desk, Router(name="cancer", description=str(number)))
    error = await refusal(desk, "RollbackRouter", name="cancer", generation=1)
    assert error.reason == "GENERATION_NOT_FOUND"
    assert (await ask(desk, "RollbackRouter", name="cancer", generation=2)).router.description == "0"


async def test_there_is_no_way_back_to_a_model_that_is_gone(desk: Desk) -> None:
    await desk.seat("cancer-logistic")
    await desk.create("cancer", Router(variants=[{"model": "cancer-bayes"}, {"model": "cancer-logistic"}]))
    await update(desk, Router(name="cancer", variants=doctors().variants))
    await ask(desk, "ModelService/DeleteModel", name="cancer-logistic")
    error = await refusal(desk, "RollbackRouter", name="cancer", generation=1)
    assert (error.code, error.reason) == ("NOT_FOUND", "MODEL_NOT_FOUND")
    assert "models/cancer-logistic is not registered" in error.message
    assert (await read(desk, "cancer")).generation == 2


async def test_a_way_back_sent_again_or_only_checked(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    seen = await update(desk, Router(name="cancer", description="x"))
    back = {"name": "cancer", "generation": 1}
    assert (await ask(desk, "RollbackRouter", **back, validate_only=True)).router.generation == 3
    assert (await read(desk, "cancer")).generation == 2
    first = await ask(desk, "RollbackRouter", **back, request_id=REQUEST_ID)
    assert await ask(desk, "RollbackRouter", **back, request_id=REQUEST_ID) == first
    error = await refusal(desk, "RollbackRouter", name="cancer", generation=2, etag=seen.etag)
    assert (error.code, error.reason) == ("ABORTED", "STALE_ETAG")


async def test_every_mutation_leaves_its_event(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    await desk.deploy("cancer")
    await ask(desk, "ToggleVariant", name="cancer", variant="cancer-bayes", enabled=True)
    await ask(desk, "UpdateVariantWeight", name="cancer", variant="cancer-bayes", weight=3)
    await ask(desk, "StopRouter", name="cancer")
    await ask(desk, "StartRouter", name="cancer")
    await ask(desk, "DeleteRouter", name="cancer")
    await ask(desk, "UndeleteRouter", name="cancer")
    events = (await ask(desk, "ListAuditEvents", resource="routers/cancer")).events
    assert [one.method for one in reversed(events)] == [
        *("CreateRouter", "DeployRouter", "Rollout", "ToggleVariant", "UpdateVariantWeight", "StopRouter"),
        *("StartRouter", "Rollout", "DeleteRouter", "UndeleteRouter"),
    ]
    assert {one.method: one.generation for one in events if one.generation} == {
        "CreateRouter": 1,
        "ToggleVariant": 2,
        "UpdateVariantWeight": 3,
    }
    assert all(one.request_id and one.id and one.uid for one in events)
    assert [one.id for one in events] == sorted((one.id for one in events), reverse=True)
    models = (await ask(desk, "ListAuditEvents", method="RegisterModel")).events
    assert [one.resource for one in models] == ["models/cancer-stump", "models/cancer-bayes"]


async def test_an_event_carries_the_calls_own_id(desk: Desk) -> None:
    request = CreateRouterRequest(router_id="cancer", router=doctors())
    await desk.call("RouterService/CreateRouter", request, metadata=[("x-request-id", "call-7")])
    (event,) = (await ask(desk, "ListAuditEvents", resource="cancer")).events
    assert event.request_id == "call-7"
    assert not (await ask(desk, "ListAuditEvents", caller="ann")).events
    error = await refusal(desk, "ListAuditEvents", resource="Not A Name")
    assert fields_of(error) == ["resource"]


@pytest.mark.parametrize(
    ("filters", "field", "said"),
    [
        ({"method": "SetWeight"}, "method", "did you mean SetWeights?"),
        ({"method": "GetRouter"}, "method", "a method that changes something"),
        ({"method": "ResetRewards"}, "method", "mean turnout.feedback.v1.FeedbackService/ResetRewards?"),
        ({"resource": "cancer-bayes"}, "resource", "routers/cancer-bayes or models/cancer-bayes, in full"),
    ],
)
async def test_a_filter_that_no_event_can_pass_is_refused(
    desk: Desk, filters: dict[str, str], field: str, said: str
) -> None:
    error = await refusal(desk, "ListAuditEvents", **filters)
    assert (error.code, fields_of(error)) == ("INVALID_ARGUMENT", [field])
    assert said in error.message


async def test_a_deleted_routers_events_are_found_by_its_id(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    await ask(desk, "DeleteRouter", name="cancer")
    events = (await ask(desk, "ListAuditEvents", resource="cancer", method="DeleteRouter")).events
    assert [one.method for one in events] == ["DeleteRouter"]


async def test_routers_are_listed_by_what_they_are(desk: Desk) -> None:
    await desk.create("a", doctors(tags=["x"]))
    await desk.create("b", doctors(random={}))
    await desk.create("c", Router(canary={"baseline_model": "cancer-bayes", "canary_model": "cancer-stump"}))

    async def named(**filters: object) -> list[str]:
        return [one.name[-1] for one in (await ask(desk, "ListRouters", **filters)).routers]

    assert await named(strategy="random") == ["b"]
    assert await named(strategy="weighted", tag="x") == ["a"]
    assert await named(model="cancer-bayes") == ["a", "b", "c"]
    assert await named(model="models/nobody") == []
    assert await named(owner="ann") == []
    error = await refusal(desk, "ListRouters", strategy="best")
    assert fields_of(error) == ["strategy"]
    page = await ask(desk, "ListRouters", page_size=1, model="cancer-bayes")
    error = await refusal(desk, "ListRouters", page_token=page.next_page_token, model="cancer-stump")
    assert error.reason == "BAD_PAGE_TOKEN"
