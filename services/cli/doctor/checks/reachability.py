"""Does every service answer, and say that it serves?"""

from collections.abc import Iterator

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, error, warning

WHAT_STOPS = {
    "router": "nothing is predicted",
    "aggregator": "ensembles fail; routers that choose one variant go on",
    "feedback": "feedback is refused, bandits learn nothing and canaries stand still",
    "drift": "nothing is analysed, and predictions are not recorded until it is back",
    "gateway": "REST and gRPC-Web are away; gRPC to the services goes on",
}
# On one machine an answer takes a millisecond or two.
SLOW_MS = 500.0


def examine(facts: Facts) -> Iterator[Finding]:
    """A finding for each service that does not answer, does not serve, or is slow to say so."""
    for one in facts.services:
        stops = WHAT_STOPS.get(one.name, "")
        if one.trouble:
            yield error(
                f"{one.name} does not answer at {one.address}: {one.trouble}",
                stops,
                f"start it (turnout up, a container), or say where it is (TURNOUT_CLI_{one.name.upper()})",
            )
        elif one.status != "SERVING":
            yield error(
                f"{one.name} at {one.address} says {one.status}",
                f"it starts, drains, or cannot reach Redis; meanwhile {stops}",
                f"read its log: .turnout/logs/{one.name}.log of turnout up, or its container's",
            )
        elif one.milliseconds > SLOW_MS:
            yield warning(
                f"{one.name} took {one.milliseconds:.0f} ms to say that it serves",
                "its event loop is busy, or the way to it is long: predictions wait as well",
                f"more workers (TURNOUT_{one.name.upper()}_WORKERS) or replicas",
            )
