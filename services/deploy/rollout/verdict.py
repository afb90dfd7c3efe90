"""Whether a Deployment is rolled out: a pure function of the objects as they were last seen."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from services.deploy.labels import REVISION
from services.deploy.manifests.workers import revision
from services.deploy.rollout.reasons import Pod, Reason, condition, reason


class Outcome(Enum):
    """How a rollout stands."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Verdict(NamedTuple):
    """How a rollout stands, and why, in a sentence; empty when it is done."""

    outcome: Outcome
    said: str = ""


def verdict(deployment: Mapping[str, Any], pods: Sequence[Pod]) -> Verdict:
    """Judge a rollout by the rules of `kubectl rollout status`, sooner where no waiting can help.

    `pods` are those of the Deployment's selector, of whatever revision.
    """
    status = deployment.get("status") or {}
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return Verdict(Outcome.WAITING, "the cluster has not looked at it yet")
    wanted = deployment["spec"].get("replicas", 1)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    # Judged before the pods: one that is unwell beside enough that are well is the autoscaler's next.
    if wanted and updated >= wanted and available >= wanted and status.get("replicas", 0) <= updated:
        return Verdict(Outcome.DONE)
    troubles = list(_troubles(deployment, pods))
    if (creating := condition(status, "ReplicaFailure")).get("status") == "True":
        return Verdict(Outcome.FAILED, f"{creating.get('reason')}: {creating.get('message')}")
    if doomed := [one for one in troubles if one.doomed]:
        return Verdict(Outcome.FAILED, doomed[0].said)
    progressing = condition(status, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Verdict(Outcome.FAILED, _late(progressing, troubles))
    said = f"{min(available, updated)} of {wanted} pods are ready"
    return Verdict(Outcome.WAITING, "; ".join([said, *(one.said for one in troubles[:1])]))


def _troubles(deployment: Mapping[str, Any], pods: Iterable[Pod]) -> Iterable[Reason]:
    """What ails the pods of the current template; what ails those of the former one is past."""
    current = revision(dict(deployment))
    for pod in sorted(pods, key=lambda one: str(one["metadata"]["name"])):
        of = (pod["metadata"].get("labels") or {}).get(REVISION, "")
        if of == current and (found := reason(pod)) is not None:
            yield found


def _late(progressing: Mapping[str, Any], troubles: Sequence[Reason]) -> str:
    why = troubles[0].said if troubles else str(progressing.get("message", ""))
    return f"ProgressDeadlineExceeded: {why}"
