"""Verdicts on rollouts, and reasons of pods: pure functions of what the API server shows."""

from typing import Any

import pytest

from services.deploy.labels import REVISION
from services.deploy.rollout.reasons import reason
from services.deploy.rollout.verdict import Outcome, verdict

TEMPLATE = {"metadata": {"labels": {REVISION: "now"}}, "spec": {}}


def deployment(replicas: int = 2, generation: int = 3, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "turnout-churn", "generation": generation},
        "spec": {"replicas": replicas, "template": TEMPLATE},
        "status": {"observedGeneration": 3, **status},
    }


def pod(name: str = "a", /, of: Any = "now", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {REVISION: of}}, "status": status}


def waits(why: str, message: str = "", /, **more: Any) -> dict[str, Any]:
    container = {"state": {"waiting": {"reason": why, "message": message}}, "ready": False, **more}
    return {"phase": "Pending", "containerStatuses": [container]}


ALL_WELL = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
CRASHED: dict[str, Any] = {
    "lastState": {"terminated": {"exitCode": 2, "reason": "Error", "message": "redis_url:\n no such host"}}
}
UNSCHEDULABLE = {
    "phase": "Pending",
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 Insufficient cpu.",
        }
    ],
}


def test_is_done_when_all_pods_are_of_the_new_template_and_available() -> None:
    assert verdict(deployment(**ALL_WELL), []) == (Outcome.DONE, "")


@pytest.mark.parametrize(
    "status",
    [
        {**ALL_WELL, "observedGeneration": 2},
        {**ALL_WELL, "updatedReplicas": 1},
        {**ALL_WELL, "availableReplicas": 1},
        {**ALL_WELL, "replicas": 3},
        {},
    ],
    ids=["not looked at", "old pods", "not available", "old pods not gone", "nothing yet"],
)
def test_waits_for_what_is_not_there_yet(status: dict[str, int]) -> None:
    assert verdict(deployment(**status), []).outcome is Outcome.WAITING


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (waits("ImagePullBackOff", "no such tag"), "pod a: ImagePullBackOff: no such tag"),
        (waits("InvalidImageName", "turn out"), "pod a: InvalidImageName: turn out"),
        (
            waits("CreateContainerConfigError", 'secret "turnout-redis" not found'),
            'pod a: CreateContainerConfigError: secret "turnout-redis" not found',
        ),
        (
            waits("CrashLoopBackOff", "back-off 40s", restartCount=3, **CRASHED),
            "pod a: CrashLoopBackOff: it ended with exit code 2: redis_url: no such host",
        ),
    ],
    ids=["image", "name", "config", "crash"],
)
def test_fails_at_once_over_what_no_waiting_helps(status: dict[str, Any], said: str) -> None:
    assert verdict(deployment(replicas=2), [pod(**status)]) == (Outcome.FAILED, said)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (UNSCHEDULABLE, "pod a: Unschedulable: 0/3 nodes are available: 3 Insufficient cpu."),
        (waits("ErrImagePull", "timeout"), "pod a: ErrImagePull: timeout"),
        (
            waits("CrashLoopBackOff", restartCount=1, **CRASHED),
            "pod a: CrashLoopBackOff: it ended with exit code 2: redis_url: no such host",
        ),
        (
            {"containerStatuses": [{"state": {"running": {}}, "ready": False}]},
            "pod a: it runs, and does not say yet that it serves",
        ),
    ],
    ids=["unschedulable", "one pull", "one crash", "not ready"],
)
def test_waits_and_says_why_where_help_may_come(status: dict[str, Any], said: str) -> None:
    assert verdict(deployment(), [pod(**status)]) == (Outcome.WAITING, f"0 of 2 pods are ready; {said}")
    late = {
        "type": "Progressing",
        "status": "False",
        "reason": "ProgressDeadlineExceeded",
        "message": "timed out",
    }
    failed = verdict(deployment(conditions=[late]), [pod(**status)])
    assert failed == (Outcome.FAILED, f"ProgressDeadlineExceeded: {said}")


def test_a_deadline_without_a_pod_to_blame_says_what_the_cluster_says() -> None:
    late = {
        "type": "Progressing",
        "status": "False",
        "reason": "ProgressDeadlineExceeded",
        "message": "timed out",
    }
    assert verdict(deployment(conditions=[late]), []).said == "ProgressDeadlineExceeded: timed out"


def test_pods_that_may_not_be_created_are_a_failure() -> None:
    quota = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "exceeded quota",
    }
    assert verdict(deployment(conditions=[quota]), []) == (Outcome.FAILED, "FailedCreate: exceeded quota")


def test_pods_of_a_former_template_are_not_blamed() -> None:
    former = pod(of="before", **waits("ImagePullBackOff"))
    assert verdict(deployment(), [former]).outcome is Outcome.WAITING


def test_of_several_troubles_the_hopeless_one_is_told() -> None:
    pods = [pod("a", **UNSCHEDULABLE), pod("b", **waits("ErrImageNeverPull", "absent"))]
    assert verdict(deployment(), pods) == (Outcome.FAILED, "pod b: ErrImageNeverPull: absent")


def test_what_a_container_said_at_its_end_is_cut_to_its_end() -> None:
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "message": "x" * 5000 + " the end"}}
    found = reason(pod(containerStatuses=[{"state": ended}]))
    assert found is not None
    assert found.said.startswith("pod a: it ended with exit code 137 (OOMKilled): …")
    assert found.said.endswith("the end")
    assert len(found.said) < 500


@pytest.mark.parametrize(
    "status", [{"conditions": [{"type": "Ready", "status": "True"}]}, {"containerStatuses": []}, {}]
)
def test_nothing_is_wrong_with_a_pod_that_is_ready_or_on_its_way(status: dict[str, Any]) -> None:
    assert reason(pod(**status)) is None


def test_a_pod_that_leaves_is_no_trouble() -> None:
    leaving = pod(**waits("ImagePullBackOff"))
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert reason(leaving) is None
