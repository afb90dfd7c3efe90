"""Rows of a file, reported in groups."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from turnout.drift.v1 import truth_pb2 as rpc

from services.drift.refusals import refused
from services.drift.tables import Misread, Row
from services.drift.truths.adding import May, Outcome, Truths, word_of
from services.drift.truths.checks import content_id
from services.drift.truths.columns import EITHER, Columns
from services.drift.uploads.progress import Progress
from services.foundation.errors import InvalidArgument, TurnoutError
from services.state.errors import StoreFull

# A group takes the process a hundredth of a second: others are answered in between.
GROUP = 250
# A truth stream that is full is asked again as its readers go on, a hundred times: then the sender is told.
FULL_SECONDS, MOST_FULL = 0.1, 100

Read: TypeAlias = Row | Misread


@dataclass(frozen=True, slots=True)
class Reports:
    """Reports rows. `prefix`: what begins their ids, where the caller named the upload: under another name
    the same rows are other reports."""

    truths: Truths
    columns: Columns
    may: May
    prefix: str = ""
    dry: bool = False

    async def take(self, rows: Sequence[Read], progress: Progress) -> None:
        """Report rows, and count them in. Raises StateUnavailable, StoreFull; some may be reported then, and
        all of them again changes nothing."""
        for begin in range(0, len(rows), GROUP):
            group = rows[begin : begin + GROUP]
            for row, outcome in zip(group, await self._group(group), strict=True):
                if isinstance(outcome, TurnoutError):
                    progress.refuse(refused(outcome, progress.rows, row.line))
                else:
                    progress.counts[word_of(outcome)] += 1
                progress.rows += 1

    async def _group(self, group: Sequence[Read]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        reports: dict[int, rpc.AddGroundTruthRequest] = {}
        open_kind: set[int] = set()
        for place, row in enumerate(group):
            if isinstance(row, Misread):
                said = f"line {row.line} {row.why}"
                outcomes[place] = InvalidArgument(f"data: {said}", fields=[("data", said)])
                continue
            try:
                report, kind = self.columns.report(row.values)
            except InvalidArgument as wrong:
                outcomes[place] = wrong
                continue
            report.feedback_id = report.feedback_id or self.prefix + content_id(report)
            if kind == EITHER:
                open_kind.add(place)
            reports[place] = report
        outcomes |= await self._added(reports, open_kind)
        return [outcomes[place] for place in range(len(group))]

    async def _added(
        self, reports: dict[int, rpc.AddGroundTruthRequest], open_kind: set[int]
    ) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        for _ in range(MOST_FULL):
            places = [place for place in reports if place not in outcomes or _full(outcomes[place])]
            if not places:
                break
            if outcomes:
                await asyncio.sleep(FULL_SECONDS)
            either = {at for at, place in enumerate(places) if place in open_kind}
            some = await self.truths.add_all(
                [reports[place] for place in places], self.may, dry=self.dry, open_kind=either
            )
            outcomes |= zip(places, some, strict=True)
        for outcome in outcomes.values():
            if isinstance(outcome, TurnoutError) and _full(outcome):
                raise outcome
        return outcomes


def _full(outcome: Outcome) -> bool:
    """Whether there was no room, and may be soon."""
    return isinstance(outcome, StoreFull) and outcome.retry_after is not None
