"""Router processes on a cluster: that stop in the middle, take turns, or cannot deploy at all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from turnout.router.v1 import inference_service_pb2 as inference

from services.foundation.errors import RemoteError
from tests.deploy.api_server import KubeApi
from tests.deploy.cluster import Cluster, kubeconfig
from tests.deploy.conftest import OBJECTS, allowed, open_redis, open_town
from tests.router.conftest import running_router
from tests.waiting import eventually


@pytest.fixture(autouse=True)
async def empty(redis_url: str) -> AsyncIterator[None]:
    """A Redis of the test's own."""
    async with open_redis(redis_url):
        yield


def folder(tmp_path: Path, name: str) -> Path:
    """A folder for a process."""
    made = tmp_path / name
    made.mkdir()
    return made


async def test_routes_come_and_go_with_their_gateway_and_no_verb_is_too_many(
    own: Cluster, api: KubeApi, redis_url: str, tmp_path: Path
) -> None:
    """Everything that a router's life asks of the API server is what the Role allows, no more, no less."""
    api.asked.clear()
    async with open_town(redis_url, tmp_path, own, kube_suite="edge", kube_gateway="public") as town:
        churn = town.on("churn")
        churn.pods = "edge-churn"
        api.absent.add("grpcroutes")
        await churn.create()
        await churn.deploy()
        await churn.until("FAILED", "GRPCRoute: the API server answered 404: the server could not find the")
        api.absent.clear()
        await churn.deploy()
        await own.roll_out(churn.pods)
        await churn.until("RUNNING", "")
        await churn.left_with(*OBJECTS, "GRPCRoute")
        await churn.call("StopRouter", name="churn")
        await own.scaled(churn.pods, 0)
        await churn.call("DeleteRouter", name="churn")
        await churn.left_with()
    assert set(api.asked) == set(allowed())


async def test_another_process_goes_on_where_one_stopped(
    own: Cluster, redis_url: str, tmp_path: Path
) -> None:
    """In the middle of a rollout, and of a removal: nothing but the cluster and Redis knows of them."""
    async with open_town(redis_url, folder(tmp_path, "first"), own, kube_suite="two") as first:
        await first.create()
        await first.deploy()
        await own.scaled("two-churn", 2)
    async with open_town(redis_url, folder(tmp_path, "second"), own, kube_suite="two", models=()) as second:
        await own.roll_out("two-churn")
        await second.until("RUNNING", "")
    async with open_town(
        redis_url, folder(tmp_path, "blind"), own, kube_suite="two", kube_config="", models=()
    ) as blind:
        await blind.call("DeleteRouter", name="churn")
        assert await own.kinds_of("two-churn") == OBJECTS
    async with open_town(redis_url, folder(tmp_path, "third"), own, kube_suite="two", models=()) as third:
        third.pods = "two-churn"
        await third.left_with()


async def test_two_processes_take_turns(own: Cluster, api: KubeApi, redis_url: str, tmp_path: Path) -> None:
    """Only one of them follows the cluster; when it leaves the other one does."""
    told = {"kube_suite": "turns"}
    async with open_town(redis_url, folder(tmp_path, "stays"), own, **told) as stays:
        async with open_town(redis_url, folder(tmp_path, "leaves"), own, models=(), **told) as leaves:
            await leaves.create()
            await leaves.deploy()
            await own.roll_out("turns-churn")
            await leaves.until("RUNNING", "")
            assert api.watched == 2
        await stays.call("StopRouter", name="churn")
        await own.scaled("turns-churn", 0)


async def test_a_process_that_was_told_of_no_cluster_says_so(
    own: Cluster, redis_url: str, tmp_path: Path
) -> None:
    async with open_town(redis_url, tmp_path, own, kube_config="") as town:
        await town.create()
        with pytest.raises(RemoteError, match="was not told of a cluster; set kube_config") as refused:
            await town.deploy()
        assert refused.value.reason == "TARGET_UNAVAILABLE"
        assert (await town.get()).state == 1


async def test_a_configuration_that_leads_nowhere_is_told(
    own: Cluster, redis_url: str, tmp_path: Path
) -> None:
    async with open_town(redis_url, tmp_path, own, kube_config=str(tmp_path / "absent")) as town:
        await town.create()

        async def refused() -> bool:
            with pytest.raises(RemoteError, match="does not lead to an API server") as said:
                await town.call("DeployRouter", name="churn", validate_only=True)
            return bool(said.value.reason == "TARGET_UNAVAILABLE")

        await eventually(refused)


async def test_a_server_that_is_not_there_is_told_to_who_waits(
    own: Cluster, redis_url: str, tmp_path: Path
) -> None:
    nowhere = kubeconfig(tmp_path, "http://127.0.0.1:1")
    async with open_town(redis_url, tmp_path, own, kube_config=str(nowhere)) as town:
        await town.create()
        await town.deploy()
        await town.until("DEPLOYING", "the API server cannot be reached")


async def test_a_process_serves_the_routers_that_it_is_told_to_and_no_others(
    own: Cluster, redis_url: str, tmp_path: Path
) -> None:
    """What a pod runs: the router process, pinned. The shared ones say where the router is."""
    async with (
        open_town(redis_url, folder(tmp_path, "shared"), own, kube_suite="pin") as shared,
        running_router(redis_url, folder(tmp_path, "pod"), only=["churn"], expose=True) as pod,
    ):
        await shared.create()
        await shared.deploy()
        await own.roll_out("pin-churn")
        await shared.until("RUNNING", "")
        local = shared.on("local")
        await local.create()
        await local.call("UpdateRouter", router={"name": "local", "deployment": {"target": "local"}})
        # The pinned process has nothing to do with it, and nobody waits for it.
        assert (await local.deploy(wait=10)).state == 3
        explain = inference.ExplainRequest(router="churn", u=0.5)
        with pytest.raises(RemoteError, match=r"it answers in pods of its own, at pin-churn.ml.svc:50051"):
            await shared.desk.call("InferenceService/Explain", explain)
        assert (await pod.call("InferenceService/Explain", explain)).decision.variant
        explain.router = "local"
        with pytest.raises(RemoteError, match="this process serves routers/churn alone"):
            await pod.call("InferenceService/Explain", explain)
        assert (await shared.desk.call("InferenceService/Explain", explain)).decision.variant
        replicas = (await shared.call("ListReplicas", router="churn")).replicas
        assert [(one.address, list(one.only)) for one in replicas] == [(pod.address, ["routers/churn"])]
