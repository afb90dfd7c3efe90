"""Health, metadata and the index of the Open Inference Protocol's door."""

import pytest
from inference import open_inference_pb2 as wire
from turnout.router.v1.router_service_pb2 import StopRouterRequest

from tests.router.doors.conftest import Counter, doctors_of_two_columns
from tests.waiting import eventually


async def test_the_server_lives_is_ready_and_says_what_it_is(counter: Counter) -> None:
    assert (await counter.call("ServerLive", wire.ServerLiveRequest())).live
    assert (await counter.call("ServerReady", wire.ServerReadyRequest())).ready
    told = await counter.call("ServerMetadata", wire.ServerMetadataRequest())
    assert told.name == "turnout"
    assert told.version
    assert list(told.extensions) == ["parameters", "turnout_manifest"]


async def test_a_server_that_drains_is_not_ready(counter: Counter) -> None:
    counter.desk.runtime.stop()
    assert not (await counter.call("ServerReady", wire.ServerReadyRequest())).ready


async def test_a_router_is_ready_while_it_serves(counter: Counter) -> None:
    asked = wire.ModelReadyRequest(name="cancer")
    assert (await counter.call("ModelReady", asked)).ready
    await counter.desk.call("RouterService/StopRouter", StopRouterRequest(name="cancer"))

    async def rests() -> bool:
        return not (await counter.call("ModelReady", asked)).ready

    # Whoever stopped it has its answer before the news of it is everywhere.
    assert await eventually(rests)
    nobody = await counter.refusal(wire.ModelReadyRequest(name="nobody"), "ModelReady")
    assert nobody.reason == "ROUTER_NOT_FOUND"


async def test_metadata_are_those_of_the_variants(counter: Counter) -> None:
    told = await counter.call("ModelMetadata", wire.ModelMetadataRequest(name="cancer"))
    assert (told.name, list(told.versions), told.platform) == ("cancer", ["1"], "turnout")
    assert [(one.name, one.datatype, list(one.shape)) for one in told.inputs] == [("input", "FP64", [-1, 2])]
    assert [(one.name, one.datatype, list(one.shape)) for one in told.outputs] == [
        ("predict", "INT64", [-1]),
        ("predict_proba", "FP64", [-1, 2]),
    ]


async def test_metadata_need_no_member_to_be_there(counter: Counter) -> None:
    counter.desk.servers["cancer-bayes"].faults.set("hang")
    told = await counter.call("ModelMetadata", wire.ModelMetadataRequest(name="cancer"))
    assert [one.name for one in told.inputs] == ["input"]


async def test_the_index_has_every_router_and_its_state(counter: Counter) -> None:
    await counter.desk.create("idle", doctors_of_two_columns())

    async def both() -> list[wire.RepositoryIndexResponse.ModelIndex]:
        index = await counter.call("RepositoryIndex", wire.RepositoryIndexRequest())
        assert len(index.models) == 2
        return list(index.models)

    told = await eventually(both)
    assert [(one.name, one.state, one.reason) for one in told] == [
        ("cancer", "READY", ""),
        ("idle", "UNAVAILABLE", "it is registered"),
    ]
    ready = await counter.call("RepositoryIndex", wire.RepositoryIndexRequest(ready=True))
    assert [one.name for one in ready.models] == ["cancer"]


@pytest.mark.parametrize(
    ("method", "request_", "instead"),
    [
        ("RepositoryModelLoad", wire.RepositoryModelLoadRequest(model_name="cancer"), "DeployRouter"),
        ("RepositoryModelUnload", wire.RepositoryModelUnloadRequest(model_name="cancer"), "StopRouter"),
        ("ModelConfig", wire.ModelConfigRequest(name="cancer"), "GetRouter"),
        ("ModelStatistics", wire.ModelStatisticsRequest(name="cancer"), "GetMetrics"),
    ],
)
async def test_what_is_done_elsewhere_says_where(
    counter: Counter, method: str, request_: object, instead: str
) -> None:
    refused = await counter.refusal(request_, method)
    assert refused.code == "UNIMPLEMENTED"
    assert instead in refused.message
