"""What is to be done next for one router: a pure function of what is wished and what is there."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from services.deploy.cluster import Workload


class Phase(Enum):
    """What is wished of a router: that its pods run, that none does, or that everything stays as it is."""

    RUN = "run"
    STOP = "stop"
    STAY = "stay"


class Wish(NamedTuple):
    """A router as it is stored. stamp: changes with every change that is not ours."""

    workload: Workload
    phase: Phase
    stamp: str


class Step(Enum):
    """One thing to do."""

    REST = "nothing"
    APPLY = "apply everything"
    WAKE = "scale up to the fewest replicas"
    JUDGE = "say how the rollout stands"
    PARK = "scale to zero"
    REMOVE = "remove everything"


def next_step(wish: Wish | None, deployment: Mapping[str, Any] | None, *, applied: bool, least: int) -> Step:
    """The next step. `applied`: whether this very wish was applied; `least`: the fewest replicas.

    Asked again after each step and each change that is seen, it leads from anywhere to what is wished: there
    is nothing to remember, and so nothing to lose when a process dies in between.
    """
    if deployment is not None and deployment["metadata"].get("deletionTimestamp"):
        deployment = None
    if wish is None:
        return Step.REST if deployment is None else Step.REMOVE
    if wish.phase is Phase.STAY:
        return Step.REST
    replicas = 0 if deployment is None else deployment["spec"].get("replicas", 1)
    if wish.phase is Phase.STOP:
        return Step.PARK if replicas else Step.REST
    if deployment is None or not applied:
        return Step.APPLY
    return Step.WAKE if replicas < least else Step.JUDGE
