"""What could not be looked at: silence is no good news."""

from collections.abc import Iterator

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, note


def examine(facts: Facts) -> Iterator[Finding]:
    """A note for each thing that could not be learnt."""
    for one in facts.untold:
        said, _, mend = one.partition("; ")
        yield note(said, "nothing is known of it, which is not the same as fine", mend)
