"""The checks. Each looks at what was gathered, and asks nobody."""

from collections.abc import Callable, Iterator, Mapping

from services.cli.doctor.checks import (
    access,
    baselines,
    certificates,
    clocks,
    dead_letters,
    events,
    lag,
    memory,
    models,
    persistence,
    quorum,
    reachability,
    redis_server,
    replicas,
    routers,
    untold,
)
from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import RUNBOOKS, Finding, Severity

Examine = Callable[[Facts], Iterator[Finding]]

# In the order in which somebody who is woken wants to know: who answers, then what is lost, then the rest.
CHECKS: Mapping[str, Examine] = {
    "reachability": reachability.examine,
    "redis": redis_server.examine,
    "persistence": persistence.examine,
    "memory": memory.examine,
    "replicas": replicas.examine,
    "routers": routers.examine,
    "quorum": quorum.examine,
    "models": models.examine,
    "events": events.examine,
    "lag": lag.examine,
    "dead-letters": dead_letters.examine,
    "clocks": clocks.examine,
    "certificates": certificates.examine,
    "access": access.examine,
    "baselines": baselines.examine,
    "untold": untold.examine,
}

CHAPTERS: Mapping[str, str] = {
    "reachability": f"{RUNBOOKS}#turnoutprocessdown",
    "redis": f"{RUNBOOKS}#turnoutredisunreachable",
    "persistence": "docs/operations/redis.md",
    "memory": f"{RUNBOOKS}#turnoutredismemorynearlimit",
    "replicas": f"{RUNBOOKS}#turnoutreplicabehind",
    "routers": f"{RUNBOOKS}#turnoutrouternotloaded",
    "quorum": f"{RUNBOOKS}#turnoutrouterwithoutmodels",
    "models": f"{RUNBOOKS}#turnoutmodelejected",
    "events": f"{RUNBOOKS}#turnoutspoolfilling",
    "lag": f"{RUNBOOKS}#turnoutconsumerlag",
    "dead-letters": f"{RUNBOOKS}#turnoutdeadletters",
    "certificates": f"{RUNBOOKS}#turnoutcertificateexpiressoon",
    "access": "docs/access.md",
    "baselines": "docs/reference/baselines.md",
}

_ORDER = list(Severity)


def examine(facts: Facts) -> list[Finding]:
    """What all checks find, the worst first."""
    found = [
        one._replace(check=name, about=one.about or CHAPTERS.get(name, ""))
        for name, check in CHECKS.items()
        for one in check(facts)
    ]
    return sorted(found, key=lambda one: _ORDER.index(one.severity))
