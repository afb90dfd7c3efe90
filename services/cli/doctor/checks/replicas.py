"""Are all router processes alive, and do they serve what was written last?"""

from collections.abc import Iterator

from turnout.router.v1.router_pb2 import ROUTER_STATE_RUNNING
from turnout.router.v1.router_service_pb2 import Replica

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, error, warning

# A replica that hears of changes does so within a second or two.
BEHIND_SECONDS = 10.0
# Beats come each second, and clocks differ.
SILENT_SECONDS = 10.0


def examine(facts: Facts) -> Iterator[Finding]:
    """Processes that are gone, that hear nothing, or that serve something old."""
    yield from _gone(facts)
    router = next((one for one in facts.services if one.name == "router"), None)
    if router is not None and router.status == "SERVING" and not facts.fleet.replicas and facts.caller:
        yield error(
            "no replica of the router reports that it is alive",
            "deployments wait for nobody; Redis may not take what replicas write",
            "turnout doctor --redis URL, and the router's log",
        )
    current = {one.name: one.generation for one in facts.fleet.routers if one.state == ROUTER_STATE_RUNNING}
    for replica in facts.fleet.replicas:
        yield from _one(replica, current)


def _gone(facts: Facts) -> Iterator[Finding]:
    for page in facts.pages:
        if page.trouble:
            yield warning(
                f"a process of {page.service} does not answer at {page.url}: {page.trouble}",
                "it is dead or stuck, and the others have its work to do",
                "its log; turnout up starts a dead one again, and so does Kubernetes",
            )


def _one(replica: Replica, current: dict[str, int]) -> Iterator[Finding]:
    place = replica.address or replica.id
    if replica.lag_seconds > BEHIND_SECONDS:
        yield warning(
            f"the router at {place} has heard of no change for {replica.lag_seconds:.0f} s",
            "it decides by an old configuration",
            "its way to Redis, and its log; restart it if others hear of changes",
        )
    old = sorted(
        name
        for name, generation in current.items()
        if name in replica.generations and replica.generations[name] < generation
    )
    if old:
        name = old[0]
        more = f" (and {len(old) - 1} more routers)" if len(old) > 1 else ""
        yield warning(
            f"the router at {place} serves generation {replica.generations[name]} of {name}, of which "
            f"{current[name]} is current{more}",
            "callers get answers by a configuration that was changed",
            f"wait a moment; then turnout routers deploy {name.removeprefix('routers/')}, or restart it",
        )
    for name, said in sorted(replica.errors.items()):
        yield error(
            f"the router at {place} could not load {name}: {said}",
            "it serves an old generation of it, or none",
            "mend what it says, then deploy the router again",
        )
