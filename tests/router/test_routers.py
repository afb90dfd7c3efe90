"""RouterService over a real channel: lifecycle, changes, and what is refused without being half applied."""

import asyncio
import math
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.model_service_pb2 import DeleteModelRequest
from turnout.router.v1.router_pb2 import Router, RouterState

from services.foundation.errors import RemoteError
from tests.router.conftest import Desk, doctors
from tests.waiting import eventually

REQUEST_ID = "0f0e4a44-8f6f-4f39-9d3e-1a3f6ad0c001"


async def service(desk: Desk, method: str, **fields: Any) -> Any:
    request = getattr(rpc, f"{method}Request")(**fields)
    return await desk.call(f"RouterService/{method}", request)


async def refusal(desk: Desk, method: str, **fields: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await service(desk, method, **fields)
    return caught.value


async def test_created_read_listed_deployed_stopped_started(desk: Desk) -> None:
    created = await desk.create("cancer", doctors())
    assert created.state == RouterState.ROUTER_STATE_REGISTERED
    assert created.uid
    assert created.etag
    assert created.WhichOneof("strategy") == "weighted"
    assert (await service(desk, "GetRouter", name="routers/cancer")).router == created
    listed = await service(desk, "ListRouters")
    assert [router.name for router in listed.routers] == ["routers/cancer"]
    running = await desk.deploy("cancer")
    assert running.state == RouterState.ROUTER_STATE_RUNNING
    assert running.endpoint == desk.address
    stopped = (await service(desk, "StopRouter", name="cancer")).router
    assert (stopped.state, stopped.endpoint) == (RouterState.ROUTER_STATE_STOPPED, "")
    assert stopped.variants == running.variants
    started = (await service(desk, "StartRouter", name="cancer")).router
    assert started.state == RouterState.ROUTER_STATE_RUNNING
    assert (await desk.predict("cancer")).prediction_id


async def test_a_taken_name_is_refused(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    error = await refusal(desk, "CreateRouter", router_id="cancer", router=doctors())
    assert (error.code, error.reason) == ("ALREADY_EXISTS", "NAME_TAKEN")
    assert [one.field for one in error.fields] == ["router_id"]
    within = doctors()
    within.name = "routers/cancer"
    error = await refusal(desk, "CreateRouter", router=within)
    assert [one.field for one in error.fields] == ["router.name"]


async def test_a_router_without_a_name_gets_one_though_it_is_sent_twice_at_once(desk: Desk) -> None:
    sent = (service(desk, "CreateRouter", router=doctors(), request_id=REQUEST_ID) for _ in range(4))
    (name,) = {reply.router.name for reply in await asyncio.gather(*sent)}
    assert [one.name for one in (await service(desk, "ListRouters")).routers] == [name]


async def test_the_same_request_twice_creates_once(desk: Desk) -> None:
    first = await service(desk, "CreateRouter", router_id="cancer", router=doctors(), request_id=REQUEST_ID)
    again = await service(desk, "CreateRouter", router_id="cancer", router=doctors(), request_id=REQUEST_ID)
    assert again == first
    error = await refusal(desk, "CreateRouter", router_id="other", router=doctors(), request_id=REQUEST_ID)
    assert error.reason == "REQUEST_ID_REUSED"
    assert len((await service(desk, "ListRouters")).routers) == 1


async def test_an_invalid_router_is_refused_whole(desk: Desk) -> None:
    router = doctors()
    router.variants[0].weight = -1
    router.variants[1].model = "models/nobody"
    error = await refusal(desk, "CreateRouter", router_id="cancer", router=router)
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert [field.field for field in error.fields] == ["router.variants[0].weight"]
    assert not (await service(desk, "ListRouters", show_deleted=True)).routers


async def test_an_unknown_model_is_not_found(desk: Desk) -> None:
    router = doctors()
    router.variants[1].model = "models/nobody"
    error = await refusal(desk, "CreateRouter", router_id="cancer", router=router)
    assert (error.code, error.reason) == ("NOT_FOUND", "MODEL_NOT_FOUND")
    assert [field.field for field in error.fields] == ["router.variants[1].model"]


async def test_an_unknown_aggregation_is_refused(desk: Desk) -> None:
    error = await refusal(
        desk, "CreateRouter", router_id="cancer", router=doctors(ensemble={"aggregation": 77})
    )
    assert error.code == "INVALID_ARGUMENT"
    assert [field.field for field in error.fields] == ["router.ensemble.aggregation"]


async def test_validate_only_changes_nothing(desk: Desk) -> None:
    told = await service(desk, "CreateRouter", router_id="cancer", router=doctors(), validate_only=True)
    assert told.router.variants[0].id == "cancer-bayes"
    assert not (await service(desk, "ListRouters")).routers


async def test_a_weight_can_be_changed_while_running(desk: Desk) -> None:
    before = await desk.deploy("cancer", doctors())
    weights = {"cancer-bayes": 100.0, "cancer-stump": 0.0}
    after = (await service(desk, "SetWeights", name="cancer", weights=weights)).router
    assert after.generation == before.generation + 1
    position_of_the_news = (await desk.deploy("cancer")).generation
    assert position_of_the_news == after.generation
    assert {(await desk.predict("cancer")).manifest.decision.variant for _ in range(10)} == {"cancer-bayes"}


async def test_a_weight_out_of_range_changes_nothing(desk: Desk) -> None:
    before = await desk.create("cancer", doctors())
    error = await refusal(desk, "UpdateVariantWeight", name="cancer", variant="cancer-bayes", weight=101)
    assert [field.field for field in error.fields] == ["weight"]
    error = await refusal(desk, "UpdateVariantWeight", name="cancer", variant="nobody", weight=1)
    assert error.reason == "VARIANT_NOT_FOUND"
    assert (await service(desk, "GetRouter", name="cancer")).router == before


async def test_a_bandits_weights_are_its_own(desk: Desk) -> None:
    await desk.create("cancer", doctors(bandit={}))
    error = await refusal(desk, "UpdateVariantWeight", name="cancer", variant="cancer-bayes", weight=5)
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "WRONG_STATE")


@pytest.mark.parametrize("strategy", ["round_robin", "random"])
async def test_a_weight_that_would_change_nothing_is_refused(desk: Desk, strategy: str) -> None:
    before = await desk.create("cancer", doctors(**{strategy: {}}))
    error = await refusal(desk, "UpdateVariantWeight", name="cancer", variant="cancer-bayes", weight=5)
    assert (error.reason, [one.field for one in error.fields]) == ("WRONG_STATE", ["weight"])
    error = await refusal(desk, "SetWeights", name="cancer", weights={"cancer-bayes": 5})
    assert [one.field for one in error.fields] == ["weights['cancer-bayes']"]
    assert (await service(desk, "GetRouter", name="cancer")).router == before


async def test_two_variants_stay_enabled(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    error = await refusal(desk, "ToggleVariant", name="cancer", variant="cancer-bayes", enabled=False)
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "TOO_FEW_VARIANTS")


async def test_a_stale_etag_is_refused(desk: Desk) -> None:
    seen = await desk.create("cancer", doctors())
    await service(desk, "SetWeights", name="cancer", weights={"cancer-bayes": 3}, etag=seen.etag)
    error = await refusal(desk, "SetWeights", name="cancer", weights={"cancer-bayes": 4}, etag=seen.etag)
    assert (error.code, error.reason) == ("ABORTED", "STALE_ETAG")
    assert (await service(desk, "GetRouter", name="cancer")).router.variants[0].weight == 3


async def test_a_deleted_router_stops_and_comes_back_stopped(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    gone = (await service(desk, "DeleteRouter", name="cancer")).router
    assert gone.HasField("delete_time")
    assert gone.state == RouterState.ROUTER_STATE_STOPPED
    assert (await refusal(desk, "GetRouter", name="cancer")).reason == "ROUTER_NOT_FOUND"
    back = (await service(desk, "UndeleteRouter", name="cancer")).router
    assert back.uid == gone.uid
    assert not back.HasField("delete_time")
    assert (await desk.deploy("cancer")).state == RouterState.ROUTER_STATE_RUNNING


async def test_one_that_comes_back_without_its_model_says_so(desk: Desk) -> None:
    router = doctors()
    router.variants.add(model="cancer-logistic")
    await desk.seat("cancer-logistic")
    await desk.deploy("cancer", router)
    await service(desk, "DeleteRouter", name="cancer")
    await desk.call("ModelService/DeleteModel", DeleteModelRequest(name="cancer-logistic"))
    told = "router.variants[2].model: models/cancer-logistic is not registered any more"
    asked = await service(desk, "UndeleteRouter", name="cancer", validate_only=True)
    assert asked.warnings[0] == told
    back = await service(desk, "UndeleteRouter", name="cancer", request_id="once")
    assert back.warnings[0] == told
    assert list((await service(desk, "UndeleteRouter", name="cancer", request_id="once")).warnings) == list(
        back.warnings
    )
    await desk.seat("cancer-logistic")
    await service(desk, "DeleteRouter", name="cancer")
    assert told not in (await service(desk, "UndeleteRouter", name="cancer")).warnings


async def test_the_lifecycle_says_what_is_possible(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    error = await refusal(desk, "StopRouter", name="cancer")
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "WRONG_STATE")
    assert "routers/cancer is registered; stop is possible from" in error.message


async def test_lists_have_pages(desk: Desk) -> None:
    for name in ("c", "a", "b"):
        await desk.create(name, doctors())
    first = await service(desk, "ListRouters", page_size=2)
    assert [one.name for one in first.routers] == ["routers/a", "routers/b"]
    second = await service(desk, "ListRouters", page_size=2, page_token=first.next_page_token)
    assert [one.name for one in second.routers] == ["routers/c"]
    assert not second.next_page_token
    error = await refusal(desk, "ListRouters", page_token="made-up")
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "BAD_PAGE_TOKEN")


@pytest.mark.parametrize(
    ("weights", "field", "said"),
    [
        ((-0.5, 1.0), "router.variants[0].weight", "must be a number from 0 to 100, got -0.5"),
        ((math.nan, 1.0), "router.variants[0].weight", "must be a number from 0 to 100, got nan"),
        ((0.0, 0.0), "router.variants", "at least one enabled variant needs a weight above 0"),
        ((1.0,), "router.variants", "at least 2 are needed, got 1"),
    ],
    ids=["negative", "NaN", "all zero", "only one"],
)
async def test_weights_that_cannot_split_traffic_are_refused(
    desk: Desk, weights: tuple[float, ...], field: str, said: str
) -> None:
    router = Router()
    for model, weight in zip(("cancer-bayes", "cancer-stump"), weights, strict=False):
        router.variants.add(model=model, weight=weight)
    error = await refusal(desk, "CreateRouter", router_id="cancer", router=router)
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert (field, said) in [(one.field, one.description) for one in error.fields]
    assert error.message == f"{field}: {said}"
    assert not (await service(desk, "ListRouters", show_deleted=True)).routers
    # The name was not claimed by the attempt.
    assert (await desk.create("cancer", doctors())).uid


async def test_deploying_what_runs_never_takes_it_out_of_service(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    told = await service(desk, "DeployRouter", name="cancer", wait=Duration())
    assert told.router.state == RouterState.ROUTER_STATE_RUNNING
    assert (await desk.predict("cancer")).prediction_id


async def test_a_rollout_goes_on_without_its_caller(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    told = await service(desk, "DeployRouter", name="cancer", wait=Duration())
    assert told.router.state == RouterState.ROUTER_STATE_DEPLOYING

    async def running() -> bool:
        state: int = (await service(desk, "GetRouter", name="cancer")).router.state
        return state == RouterState.ROUTER_STATE_RUNNING

    assert await eventually(running)


async def test_a_deployment_sent_again_answers_what_came_of_it(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    first = await service(desk, "DeployRouter", name="cancer", request_id=REQUEST_ID)
    again = await service(desk, "DeployRouter", name="cancer", request_id=REQUEST_ID)
    assert again.router == first.router


@pytest.mark.parametrize("wait", [Duration(seconds=-1), Duration(seconds=61), Duration(seconds=2**62)])
async def test_a_wait_has_limits(desk: Desk, wait: Duration) -> None:
    await desk.create("cancer", doctors())
    error = await refusal(desk, "DeployRouter", name="cancer", wait=wait)
    assert error.code == "INVALID_ARGUMENT"
    assert [field.field for field in error.fields] == ["wait"]


async def test_two_names_for_one_router_are_refused(desk: Desk) -> None:
    router = doctors()
    router.name = "routers/one"
    error = await refusal(desk, "CreateRouter", router_id="other", router=router)
    assert [field.field for field in error.fields] == ["router_id"]


async def test_a_router_may_be_named_in_either_place_or_by_the_server(desk: Desk) -> None:
    router = doctors()
    router.name = "routers/one"
    assert (await service(desk, "CreateRouter", router=router)).router.name == "routers/one"
    router.name = "two"
    assert (await service(desk, "CreateRouter", router=router, router_id="two")).router.name == "routers/two"
    assert (await service(desk, "CreateRouter", router=doctors())).router.name.startswith("routers/router-")


async def test_a_time_that_no_clock_shows_is_refused_by_name(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    for field in ("start_time", "end_time"):
        error = await refusal(
            desk, "ListPredictions", router="cancer", **{field: Timestamp(seconds=-(2**40))}
        )
        assert (error.code, [one.field for one in error.fields]) == ("INVALID_ARGUMENT", [field])


async def test_an_unknown_variant_is_blamed_on_the_variant(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    error = await refusal(desk, "UpdateVariantWeight", name="cancer", variant="nobody", weight=1)
    assert [field.field for field in error.fields] == ["variant"]
    error = await refusal(desk, "SetWeights", name="cancer", weights={"cancer-bayes": 200})
    assert [field.field for field in error.fields] == ["weights['cancer-bayes']"]
    error = await refusal(desk, "SetWeights", name="cancer")
    assert [field.field for field in error.fields] == ["weights"]


async def test_a_canarys_weights_must_not_contradict_each_other(desk: Desk) -> None:
    canary = Router(canary={"baseline_model": "cancer-bayes", "canary_model": "cancer-stump"})
    before = await desk.create("trial", canary)
    error = await refusal(desk, "SetWeights", name="trial", weights={"cancer-bayes": 90, "cancer-stump": 50})
    assert error.code == "INVALID_ARGUMENT"
    assert [field.field for field in error.fields] == ["weights"]
    assert (await service(desk, "GetRouter", name="trial")).router == before
    told = await service(desk, "SetWeights", name="trial", weights={"cancer-bayes": 75, "cancer-stump": 25})
    assert told.router.canary.canary_percentage == 25
