"""What was found, for people and for machines."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, Severity
from services.cli.speech import plain

SIGNS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.NOTE: "·"}
STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}
INDENT = (0, 0, 0, 2)


def view(facts: Facts, found: Sequence[Finding], checks: int) -> RenderableType:
    """Each finding with why it matters and what mends it, the worst first; then the sum."""
    parts: list[RenderableType] = [_services(facts)]
    for one in found:
        parts.append(
            Text.assemble((f"{SIGNS[one.severity]} {one.severity} ", STYLES[one.severity]), plain(one.what))
        )
        lines = [f"why: {one.why}", f"mend: {one.mend}", *([f"more: {one.about}"] if one.about else [])]
        parts += [
            Padding(Text(plain(line), style="dim"), INDENT, expand=False)
            for line in lines
            if not line.endswith(": ")
        ]
    return Group(*parts, _sum(found, checks, untold=bool(facts.untold)))


def _services(facts: Facts) -> Text:
    told = [f"{one.name} {one.address}" for one in facts.services if one.status == "SERVING"]
    if facts.redis and not facts.redis.trouble:
        told.append(f"Redis {facts.redis.info.get('redis_version', '')} {facts.redis.place}")
    fleet = facts.fleet
    counts = (
        f"{len(fleet.routers)} routers, {len(fleet.models)} models in use, {len(fleet.replicas)} replicas"
    )
    return Text(plain(f"{', '.join(told) or 'nobody answers'}; {counts}"), style="dim")


def _sum(found: Sequence[Finding], checks: int, *, untold: bool) -> Text:
    counts = {severity: sum(one.severity == severity for one in found) for severity in Severity}
    if not counts[Severity.ERROR] and not counts[Severity.WARNING]:
        where = "nothing to mend in what could be looked at" if untold else "nothing to mend"
        return Text(f"fine: {checks} checks, {where}", style="green")
    worst = Severity.ERROR if counts[Severity.ERROR] else Severity.WARNING
    errors, warnings = counts[Severity.ERROR], counts[Severity.WARNING]
    return Text(f"{errors} errors, {warnings} warnings of {checks} checks", style=STYLES[worst])


def documents(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """The findings as plain values."""
    return [{**one._asdict(), "severity": str(one.severity)} for one in found]
