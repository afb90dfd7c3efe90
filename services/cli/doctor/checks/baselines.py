"""Can drift be noticed?"""

from collections.abc import Iterator

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, note

MOST_NAMED = 5


def examine(facts: Facts) -> Iterator[Finding]:
    """One finding for all models that have nothing to be compared with."""
    missing = [name.removeprefix("models/") for name in facts.fleet.unwatched]
    if missing:
        shown = ", ".join(missing[:MOST_NAMED])
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        yield note(
            f"no baseline: {shown}{more}",
            "whether the world has changed for them cannot be said",
            f"turnout drift baseline train.csv --model {missing[0]}",
        )
