"""Do models answer, and does the router call them?"""

from collections.abc import Iterator

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, error, warning

PROBE = "turnout models test"


def examine(facts: Facts) -> Iterator[Finding]:
    """Models that do not answer a probe, and those that replicas leave out for their health."""
    for name, why in sorted(facts.fleet.unreachable.items()):
        yield error(
            f"{name} does not answer: {why}",
            "variants that stand for it are drawn and fail, until it is ejected",
            f"its server; then {PROBE} {name.removeprefix('models/')}",
        )
    ejected: dict[str, int] = {}
    for replica in facts.fleet.replicas:
        for name in replica.ejected:
            ejected[name] = ejected.get(name, 0) + 1
    for name, count in sorted(ejected.items()):
        if name not in facts.fleet.unreachable:
            yield warning(
                f"{name} is left out for its health by {count} of {len(facts.fleet.replicas)} replicas",
                "its share goes to others; it is tried again by and by",
                f"{PROBE} {name.removeprefix('models/')}; what ejects a model is its outlier_detection",
            )
