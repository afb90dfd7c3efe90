"""Was anything put aside because nobody could apply it?"""

from collections.abc import Iterator

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, warning


def examine(facts: Facts) -> Iterator[Finding]:
    """One finding per stream with entries put aside."""
    if facts.redis is None:
        return
    for stream, count in sorted(facts.redis.dead_letters.items()):
        if count:
            yield warning(
                f"{count:,} entries of {stream} were put aside after several tries",
                "what they said does not count; kept for 30 days, the last 1,000 of each partition",
                "the log of whoever applies them says why, and so do the entries (XRANGE of …:dead)",
            )
