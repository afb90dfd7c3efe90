"""Why a pod is not ready, in a sentence; and whether waiting longer can help.

Sentences have no counts and no times: they are written to the router, and must not change by themselves.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Pod = Mapping[str, Any]
# What a container waits for and will not get without somebody's help.
DOOMED = frozenset(
    {
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)
# One crash may be an accident, such as a Redis that was not there yet; the second back-off tells a habit.
CRASHES = 2
LONGEST = 400


class Reason(NamedTuple):
    """What is wrong with a pod. doomed: waiting does not help."""

    said: str
    doomed: bool


def reason(pod: Pod) -> Reason | None:
    """The gravest reason why a pod is not ready; None for one that is ready, on its way, or leaving."""
    status = pod.get("status") or {}
    if (pod.get("metadata") or {}).get("deletionTimestamp") or condition(status, "Ready").get(
        "status"
    ) == "True":
        return None
    found = list(_reasons(status))
    if not found:
        return None
    gravest = max(found, key=lambda one: one.doomed)
    return Reason(f"pod {pod['metadata']['name']}: {gravest.said}", gravest.doomed)


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of a type; empty if there is none."""
    conditions: list[Mapping[str, Any]] = status.get("conditions") or []
    return next((one for one in conditions if one.get("type") == kind), {})


def _reasons(status: Mapping[str, Any]) -> Iterable[Reason]:
    scheduled = condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        # A node may yet come: only the deadline of the rollout ends this.
        yield Reason(
            _told(scheduled.get("reason") or "not scheduled", scheduled.get("message")), doomed=False
        )
    if status.get("phase") == "Failed":
        yield Reason(_told(status.get("reason") or "failed", status.get("message")), doomed=False)
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        yield from _of_container(container)


def _of_container(container: Mapping[str, Any]) -> Iterable[Reason]:
    state = container.get("state") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    crashed = (container.get("lastState") or {}).get("terminated") or ended
    why = waiting.get("reason") or ""
    if why == "CrashLoopBackOff":
        often = container.get("restartCount", 0) >= CRASHES
        yield Reason(f"CrashLoopBackOff: {_crash(crashed)}", doomed=often)
    elif why in DOOMED or why == "ErrImagePull":
        yield Reason(_told(why, waiting.get("message")), doomed=why in DOOMED)
    elif ended and ended.get("exitCode"):
        yield Reason(_crash(ended), doomed=False)
    elif "running" in state and not container.get("ready") and crashed.get("exitCode"):
        yield Reason(f"started again after: {_crash(crashed)}", doomed=False)
    elif "running" in state and not container.get("ready"):
        yield Reason("it runs, and does not say yet that it serves", doomed=False)


def _crash(ended: Mapping[str, Any]) -> str:
    """How a container last ended: its exit code, and the last lines that it wrote."""
    if not ended:
        return "it ended"
    code = ended.get("exitCode", 0)
    known = ended.get("reason") or ""
    cause = f" ({known})" if known and known != "Error" else ""
    return _told(f"it ended with exit code {code}{cause}", ended.get("message"))


def _told(why: str, message: Any) -> str:
    lines = " ".join(str(message or "").split())
    # The end of a log says why it is the end.
    cut = lines if len(lines) <= LONGEST else f"…{lines[-LONGEST:]}"
    return f"{why}: {cut}" if cut else why
