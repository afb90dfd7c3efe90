"""Is every router in a state in which it answers?"""

from collections.abc import Iterator

from turnout.router.v1.router_pb2 import ROUTER_STATE_DEPLOYING, ROUTER_STATE_FAILED

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, error, warning


def examine(facts: Facts) -> Iterator[Finding]:
    """Routers that failed to deploy, or still do so."""
    for router in facts.fleet.routers:
        name = router.name.removeprefix("routers/")
        if router.state == ROUTER_STATE_FAILED:
            yield error(
                f"{router.name} failed to deploy: {router.state_message}",
                "it answers no prediction",
                f"mend what it says, then turnout routers deploy {name}",
            )
        elif router.state == ROUTER_STATE_DEPLOYING:
            yield warning(
                f"{router.name} is still deploying: {router.state_message or 'its replicas load it'}",
                "it may not answer yet",
                f"turnout routers get {name}",
            )
