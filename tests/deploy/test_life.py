"""A router's life in pods of its own, over a real channel: as a user sees it, and as the cluster does.

The same tests run against a real API server where a kubeconfig names one.
"""

from typing import Any

import pytest
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router, RouterState

from services.deploy.labels import UID
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.state.connection import connect
from services.state.heartbeats import Heartbeats, Replica
from tests.deploy.conftest import OBJECTS, Town
from tests.waiting import eventually

DEPLOYING, RUNNING, STOPPED = (
    RouterState.ROUTER_STATE_DEPLOYING,
    RouterState.ROUTER_STATE_RUNNING,
    RouterState.ROUTER_STATE_STOPPED,
)
BACK_OFF = {"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}}
CRASH_LOOP = {
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 2, "message": "no such Redis"}},
}
NOWHERE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
QUOTA = ("True", "FailedCreate", "exceeded quota: pods")


def waiting(**container: Any) -> dict[str, Any]:
    """The status of a pod whose container is not ready."""
    bare = {"name": "router", "image": "turnout", "imageID": "", "ready": False, "restartCount": 3}
    return {"phase": "Pending", "containerStatuses": [bare | container]}


async def test_runs_once_its_pods_do_and_says_where(churn: Town) -> None:
    await churn.create()
    assert (await churn.deploy()).state == DEPLOYING
    await churn.cluster.scaled(churn.pods, 2)
    await churn.cluster.report(churn.pods, ready=1)
    await churn.until("DEPLOYING", "1 of 2 pods are ready")
    await churn.cluster.roll_out(churn.pods)
    router = await churn.until("RUNNING", "")
    assert router.endpoint == f"{churn.pods}.{churn.cluster.namespace}.svc:50051"
    await churn.left_with(*OBJECTS)


async def test_whoever_watches_sees_it_come(churn: Town) -> None:
    await churn.create()
    client = Client(churn.desk.address)
    watch: Any = client.stream("turnout.router.v1.RouterService", "WatchRouter")
    stream = watch(rpc.WatchRouterRequest(name=churn.name), timeout=30)
    seen: list[Any] = []
    async for reply in stream:
        if not seen:
            await churn.deploy()
            await churn.cluster.roll_out(churn.pods)
        seen.append(reply.router.state)
        if seen[-1] == RUNNING:
            break
    await stream.aclose()
    await client.close()
    assert list(dict.fromkeys(seen)) == [RouterState.ROUTER_STATE_REGISTERED, DEPLOYING, RUNNING]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (waiting(state=BACK_OFF), "ImagePullBackOff: no such tag"),
        (waiting(**CRASH_LOOP), "CrashLoopBackOff: it ended with exit code 2: no such Redis"),
    ],
    ids=["image", "crash"],
)
async def test_fails_with_the_reason_of_its_pod(churn: Town, status: dict[str, Any], said: str) -> None:
    await churn.create()
    await churn.deploy()
    await churn.cluster.scaled(churn.pods, 2)
    await churn.cluster.report(churn.pods, ready=0)
    await churn.cluster.pod(churn.pods, "a", status)
    router = await churn.until("FAILED", f"pod {churn.pods}-a: {said}")
    assert router.endpoint == ""
    # What failed is left for whoever comes to see why.
    await churn.left_with(*OBJECTS)


async def test_one_that_cannot_be_scheduled_waits_until_its_deadline(churn: Town) -> None:
    await churn.create()
    await churn.deploy()
    await churn.cluster.scaled(churn.pods, 2)
    await churn.cluster.report(churn.pods, ready=0)
    await churn.cluster.pod(churn.pods, "a", {"phase": "Pending", "conditions": [NOWHERE]})
    why = f"pod {churn.pods}-a: Unschedulable: 0/3 nodes"
    await churn.until("DEPLOYING", f"0 of 2 pods are ready; {why}")
    late = ("False", "ProgressDeadlineExceeded", "timed out")
    await churn.cluster.report(churn.pods, ready=0, Progressing=late)
    await churn.until("FAILED", f"ProgressDeadlineExceeded: {why}")


async def test_whoever_waits_for_it_is_told_why_it_failed(churn: Town) -> None:
    await churn.create()
    await churn.deploy()
    await churn.cluster.scaled(churn.pods, 2)
    await churn.cluster.report(churn.pods, ready=0, ReplicaFailure=QUOTA)
    await churn.until("FAILED", "FailedCreate: exceeded quota: pods")
    with pytest.raises(RemoteError, match="could not be deployed: FailedCreate: exceeded quota") as failed:
        await churn.deploy(wait=10)
    assert failed.value.reason == "ROLLOUT_INCOMPLETE"


async def test_stopping_scales_to_zero_and_starting_scales_back(churn: Town) -> None:
    await churn.run()
    stopped = (await churn.call("StopRouter", name=churn.name)).router
    assert (stopped.state, stopped.endpoint) == (STOPPED, "")
    await churn.cluster.scaled(churn.pods, 0)
    await churn.left_with(*OBJECTS)
    await churn.cluster.report(churn.pods, ready=0)
    assert (await churn.deploy()).state == DEPLOYING
    await churn.cluster.roll_out(churn.pods)
    await churn.until("RUNNING", "")
    # It runs: to deploy it again is answered at once, and it goes on serving meanwhile.
    assert (await churn.deploy(wait=10)).state == RUNNING


async def test_deleting_removes_all_that_is_ours_and_nothing_else(churn: Town) -> None:
    other = churn.on(f"{churn.name}-other")
    await other.create()
    await other.deploy()
    await churn.run()
    await other.left_with(*OBJECTS)
    await churn.call("DeleteRouter", name=churn.name)
    await churn.left_with()
    assert await churn.cluster.kinds_of(other.pods) == OBJECTS


async def test_one_that_is_deleted_while_it_deploys_leaves_nothing_and_can_come_back(churn: Town) -> None:
    await churn.create()
    await churn.deploy()
    await churn.call("DeleteRouter", name=churn.name)
    await churn.left_with()
    assert (await churn.call("UndeleteRouter", name=churn.name)).router.state == STOPPED
    await churn.deploy()
    await churn.cluster.roll_out(churn.pods)
    await churn.until("RUNNING", "")


async def test_one_that_moves_to_the_shared_replicas_leaves_its_pods(churn: Town) -> None:
    await churn.run()
    change = Router(name=churn.name, deployment={"target": "local"})
    moving = {"router": change, "update_mask": {"paths": ["deployment"]}}
    with pytest.raises(RemoteError, match="is running on kubernetes: stop it, then change this"):
        await churn.call("UpdateRouter", **moving)
    await churn.call("StopRouter", name=churn.name)
    await churn.call("UpdateRouter", **moving)
    await churn.left_with()
    assert (await churn.deploy(wait=10)).state == RUNNING


async def test_one_that_runs_gets_its_new_bounds_and_goes_on(churn: Town) -> None:
    await churn.run()
    change = Router(name=churn.name, deployment={"target": "kubernetes", "replicas": 4})
    await churn.call("UpdateRouter", router=change, update_mask={"paths": ["deployment"]})
    await churn.cluster.scaled(churn.pods, 4)
    await churn.cluster.report(churn.pods, ready=2, ReplicaFailure=QUOTA)
    # Two pods go on serving; the message says why there are not four.
    assert (await churn.until("RUNNING", "FailedCreate: exceeded quota")).endpoint
    await churn.cluster.roll_out(churn.pods, 4)
    await churn.until("RUNNING", "")


async def test_what_is_ours_is_brought_back_and_what_is_others_is_left(churn: Town) -> None:
    """An annotation and the autoscaler's number are theirs; the template is ours."""
    await churn.run()
    theirs = {"metadata": {"annotations": {"team": "b"}}, "spec": {"replicas": 5}}
    hacked = {"spec": {"template": {"metadata": {"labels": {"turnout.dev/revision": "hacked"}}}}}
    await churn.cluster.patch("Deployment", churn.pods, theirs)
    await churn.cluster.patch("Deployment", churn.pods, hacked)
    await churn.deploy()

    async def mended() -> bool:
        found = await churn.cluster.deployment(churn.pods)
        labels = found["spec"]["template"]["metadata"]["labels"]
        kept = (found["metadata"]["annotations"]["team"], found["spec"]["replicas"])
        return kept == ("b", 5) and labels["turnout.dev/revision"] != "hacked"

    await eventually(mended)


async def test_what_another_has_made_under_that_name_is_left_alone(churn: Town) -> None:
    theirs = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": churn.pods, "labels": {"app.kubernetes.io/managed-by": "Helm"}},
        "spec": {"ports": [{"name": "grpc", "port": 1, "protocol": "TCP"}]},
    }
    await churn.cluster.make(theirs)
    await churn.create()
    await churn.deploy()
    await churn.until(
        "FAILED", f"Service: {churn.pods} exists in {churn.cluster.namespace} and was not made by"
    )
    await churn.left_with("Service")


async def test_pods_that_cannot_load_it_have_not_rolled_out(churn: Town, redis_url: str) -> None:
    """They are ready, as the process is well; what they say of the router counts."""
    mine = f"routers/{churn.name}"
    pod = Replica(id="pod", address="10.0.0.7:50051", only=(mine,), errors={mine: "no model"})
    async with connect(redis_url) as connections:
        beats = Heartbeats(connections, dead_seconds=60)
        await beats.beat(pod)
        await churn.create()
        await churn.deploy()
        await churn.cluster.roll_out(churn.pods)
        await churn.until("FAILED", "the pod at 10.0.0.7:50051: no model")
        await beats.leave("pod")


async def test_nothing_that_nobody_knows_is_removed(churn: Town) -> None:
    """A suite that is led to an empty Redis must not empty the cluster."""
    await churn.run()
    stranger = "0198c0de-0000-7000-8000-000000000009"
    for kind in ("Service", "Deployment"):
        await churn.cluster.patch(kind, churn.pods, {"metadata": {"labels": {UID: stranger}}})
    await churn.call("DeleteRouter", name=churn.name)
    # Once another has come and gone, its turn has been too.
    other = churn.on(f"{churn.name}-other")
    await other.run()
    await other.call("DeleteRouter", name=other.name)
    await other.left_with()
    assert await churn.cluster.kinds_of(churn.pods) >= {"Service", "Deployment"}
