"""Do events of predictions reach Redis?"""

from collections.abc import Iterator

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import RUNBOOKS, Finding, error, warning
from services.cli.doctor.metrics import total

SPOOLED, DROPPED = "turnout_events_spooled", "turnout_events_dropped_total"
FAILURES, SURPRISES = "turnout_background_failures_total", "turnout_unexpected_errors_total"
# A batch or two are always on their way.
WAITING = 5_000


def examine(facts: Facts) -> Iterator[Finding]:
    """What waits on disk, what was lost, and what died in the background."""
    waiting = max(total(facts.pages, SPOOLED), float(sum(one.events_waiting for one in facts.fleet.replicas)))
    if waiting > WAITING or total(facts.pages, SPOOLED):
        yield warning(
            f"{waiting:,.0f} events wait to be written to Redis",
            "nothing is learnt and nothing recorded of them until Redis takes them; the spool is bounded",
            "Redis: turnout doctor --redis URL. TURNOUT_ROUTER_SPOOL_BYTES is how much has room",
        )
    if dropped := total(facts.pages, DROPPED):
        yield error(
            f"{dropped:,.0f} events were lost, for the spool was full",
            "predictions of that time have no record; drift and experiments mark the gap",
            "a larger spool (TURNOUT_ROUTER_SPOOL_BYTES), and a Redis that keeps up",
        )._replace(about=f"{RUNBOOKS}#turnouteventslost")
    if died := total(facts.pages, FAILURES):
        yield error(
            f"{died:,.0f} background tasks have died",
            "what they did (following changes, publishing what is learnt) may stand still",
            "the logs say which and why; restart the process",
        )
    if surprises := total(facts.pages, SURPRISES):
        yield warning(
            f"{surprises:,.0f} calls met an error that nobody foresaw",
            "callers were told INTERNAL and an error_id",
            "look for error_id in the logs, and report what stands there",
        )._replace(about=f"{RUNBOOKS}#turnoutunexpectederrors")
