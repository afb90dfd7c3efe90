"""How the parts of canaries are put together in a process."""

import random
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, NamedTuple

from services.feedback.canary.controller import Controller
from services.feedback.canary.observing import Observer
from services.feedback.canary.rpcs import Canaries
from services.feedback.evidence.reading import EvidenceStore
from services.feedback.router_door import RouterDoor
from services.feedback.rulebook import Rulebook
from services.foundation.metrics import Metrics
from services.state.canaries import CanaryStore
from services.state.connection import Connections
from services.state.ownership import Ownership
from services.state.pulls import PullStore
from services.state.verdicts import VerdictReader


class CanaryParts(NamedTuple):
    """What people ask, and what runs in the background, by name."""

    canaries: Canaries
    controller: Controller
    works: Mapping[str, Callable[[], Coroutine[Any, Any, None]]]


def canaries_of(
    connections: Connections,
    rulebook: Rulebook,
    ownership: Ownership,
    evidence: EvidenceStore,
    door: RouterDoor,
    rng: random.Random,
    now: Callable[[], float],
    metrics: Metrics,
) -> CanaryParts:
    """Build them; nothing runs and nothing is read yet."""
    verdicts = VerdictReader(connections, uid_of=rulebook.uid_of, now=now, rng=rng)
    observer = Observer(evidence, PullStore(connections.steady), verdicts, now)
    store = CanaryStore(connections)
    controller = Controller(rulebook, ownership, store, observer, door, now)
    metrics.standing.canary_waits.read = lambda: waits(controller)
    works = {"canaries": controller.run, "verdicts": verdicts.run}
    return CanaryParts(Canaries(rulebook, store, observer, door, now, rng), controller, works)


def waits(controller: Controller) -> Iterator[tuple[tuple[str, str], float]]:
    """What each canary waits for, in the words before the colon: a closed set, where the rest has numbers."""
    for router, waiting in list(controller.waits.items()):
        if waiting:
            yield (router, waiting.partition(":")[0]), 1.0
