"""A file of decisions, replayed: what is said of each, and of all."""

from collections import Counter
from collections.abc import Callable
from typing import BinaryIO

from services.router.replay.archive import Archive
from services.router.replay.reading import read
from services.router.replay.recomputing import Verdict, recompute
from services.router.replay.redrawing import redraw

# Of thousands that fail alike, the first ones tell as much as all.
MOST_TOLD = 20

Say = Callable[[str], None]


class Tally:
    """Counts verdicts, and says what is wrong with the first ones."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._counts: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()

    def add(self, where: str, verdict: Verdict) -> None:
        """Enter the verdict of the decision at `where`."""
        kind = "differ" if verdict.mismatches else "unknown" if verdict.unknown else "same"
        self._counts[kind] += 1
        self._unknown.update(verdict.unknown)
        if verdict.mismatches and self._counts["differ"] <= MOST_TOLD:
            self._say(f"{where}: {'; '.join(verdict.mismatches)}")

    def sum_up(self) -> bool:
        """Say how many were reproduced; whether none differs, and there was any."""
        for said, times in self._unknown.most_common(MOST_TOLD):
            self._say(f"not computed again, {times} times: {said}")
        counts = self._counts
        self._say(
            f"{counts.total()} decisions: {counts['same']} reproduced, {counts['differ']} differ, "
            f"{counts['unknown']} reproduced in part"
        )
        return counts.total() > 0 and not counts["differ"]


async def replay(source: BinaryIO, archive: Archive | None, say: Say) -> bool:
    """Make each decision again, from its record alone or from an archive too. Returns whether all came out
    the same. Raises UnreadableError, and what the archive raises."""
    tally = Tally(say)
    for where, event in read(source):
        if archive is None:
            tally.add(where, Verdict(redraw(event.manifest.decision), []))
            continue
        stored = await archive.stored(event)
        if stored is None:
            manifest = event.manifest
            said = f"generation {manifest.generation} of {manifest.router} is not kept"
            tally.add(where, Verdict(redraw(manifest.decision), [said]))
        else:
            tally.add(where, recompute(event, stored))
    return tally.sum_up()
