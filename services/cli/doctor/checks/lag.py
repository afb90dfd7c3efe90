"""Do feedback and drift keep up with what they apply?"""

from collections.abc import Iterator

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, error, warning
from services.cli.doctor.metrics import by, total
from services.state.ids import PARTITIONS

LAG, OWNED = "turnout_consumer_lag_events", "turnout_partitions_owned"
# A second's worth of a busy suite; more is a backlog.
BEHIND = 10_000


def examine(facts: Facts) -> Iterator[Finding]:
    """Groups that are behind, and partitions that nobody works on."""
    for group, behind in sorted(by(facts.pages, LAG, "group").items()):
        if behind > BEHIND:
            yield warning(
                f"{group} is {behind:,.0f} entries behind",
                "rewards, records and verdicts are late by what it has not read",
                "more workers or replicas of it; if it stands still, its log and turnout doctor --redis URL",
            )
    # A page that does not answer may own what the others do not.
    if any(page.trouble for page in facts.pages):
        return
    for group, owned in sorted(by(facts.pages, OWNED, "group").items()):
        if owned < PARTITIONS and total(facts.pages, OWNED):
            yield error(
                f"nobody of {group} works on {PARTITIONS - owned:.0f} of {PARTITIONS} partitions",
                "nothing is applied for the routers in them",
                "wait ten seconds after a restart; then its log, and whether Redis takes writes",
            )
