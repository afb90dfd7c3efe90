"""Feedback in streams: taken in groups, each in a few round trips, while the next one is read."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from turnout.feedback.v1 import feedback_service_pb2 as rpc

from services.feedback.errors import BadFeedback
from services.feedback.intake import Intake, May, Outcome
from services.feedback.wire.requests import completed
from services.foundation.errors import TurnoutError
from services.foundation.groups import Groups
from services.foundation.metrics import Metrics
from services.state.errors import StateUnavailable

# A round trip then costs an item about a microsecond, and Redis serves others between two of them.
GROUP = 500
MOST_ITEMS = 1000
MOST_ERRORS = 100
# Of one process: each holds two groups, and a message of at most MOST_ITEMS.
AT_ONCE = 4
REFUSED = "REFUSED"
NAMES = {
    one.number: one.name.removeprefix("FEEDBACK_STATUS_") for one in rpc.FeedbackStatus.DESCRIPTOR.values
}


@dataclass(slots=True)
class _Import:
    """One import, as far as it has come."""

    intake: Intake
    may: May
    now: Callable[[], float]
    metrics: Metrics
    counts: Counter[str] = field(default_factory=Counter)
    errors: list[rpc.RefusedItem] = field(default_factory=list)
    taken: int = 0

    async def read(self, stream: AsyncIterator[rpc.ImportFeedbackRequest]) -> None:
        """Take everything. Raises StateUnavailable, and BadFeedback for a message that is none."""
        await Groups(GROUP, self._items, self._pass).read(stream)

    def _items(self, message: rpc.ImportFeedbackRequest) -> Sequence[rpc.RecordFeedbackRequest]:
        items = [message.feedback] if message.HasField("feedback") else []
        items += message.items
        if not 1 <= len(items) <= MOST_ITEMS:
            said = f"1 to {MOST_ITEMS} of a message, got {len(items)}"
            raise BadFeedback(
                f"items: {said}; the first {self.taken} are taken", fields=[("items", said)], taken=self.taken
            )
        return items

    async def _pass(self, group: Sequence[rpc.RecordFeedbackRequest]) -> None:
        try:
            await self._apply(group)
        except StateUnavailable as failed:
            said = f"the first {self.taken} items are taken; send all again, for each counts once"
            raise StateUnavailable(
                f"{failed.message}: {said}", retry_after=failed.retry_after, taken=self.taken
            ) from failed

    async def _apply(self, group: Sequence[rpc.RecordFeedbackRequest]) -> None:
        sound: list[tuple[int, rpc.RecordFeedbackRequest]] = []
        outcomes: dict[int, Outcome] = {}
        now = self.now()
        for place, item in enumerate(group):
            try:
                sound.append((place, completed(item, now)))
            except TurnoutError as wrong:
                outcomes[place] = wrong
        taken = await self.intake.take_many([item for _, item in sound], self.may)
        outcomes |= dict(zip((place for place, _ in sound), taken, strict=True))
        for place in range(len(group)):
            self._count(self.taken + place, outcomes[place])
        self.taken += len(group)

    def _count(self, index: int, outcome: Outcome) -> None:
        if isinstance(outcome, TurnoutError):
            self.counts[REFUSED] += 1
            if len(self.errors) < MOST_ERRORS:
                self.errors.append(error_of(index, outcome))
        else:
            self.counts[status_name(outcome.status)] += 1


@dataclass(frozen=True, slots=True)
class Importer:
    """Takes imports, a few at once; others wait, and so does what they would send."""

    intake: Intake
    metrics: Metrics
    now: Callable[[], float]
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def take(
        self, stream: AsyncIterator[rpc.ImportFeedbackRequest], may: May
    ) -> rpc.ImportFeedbackResponse:
        """Take all of a stream: when this returns, Redis has what was not refused.

        Raises BadFeedback for a message of too many items, StateUnavailable; what came before is taken, as
        the error says, and all of it may be sent again.
        """
        async with self._gate:
            one = _Import(self.intake, may, self.now, self.metrics)
            try:
                await one.read(stream)
            finally:
                for name, count in one.counts.items():
                    self.metrics.feedback[name.lower()].inc(count)
        return rpc.ImportFeedbackResponse(counts=one.counts, items=one.taken, errors=one.errors)


def status_name(status: rpc.FeedbackStatus) -> str:
    """A status as people and metrics call it."""
    return NAMES[status]


def error_of(index: int, wrong: TurnoutError) -> rpc.RefusedItem:
    """Why an item was refused."""
    field_ = wrong.fields[0].field if wrong.fields else ""
    return rpc.RefusedItem(
        index=index, field=field_, reason=wrong.reason, message=wrong.message, code=wrong.code
    )
