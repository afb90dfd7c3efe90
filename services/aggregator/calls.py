"""The calls of one prediction: each is made again while that may help, and accounted for once."""

import asyncio
import secrets
from typing import Protocol

from services.aggregator.asking import Entry, Seat
from services.aggregator.desk import Desk
from services.aggregator.errors import CostLimitReached
from services.aggregator.plan import Plan
from services.aggregator.purse import Purse
from services.aggregator.testimony import testify
from services.aggregator.voices import Member
from services.foundation.errors import TurnoutError
from services.foundation.logs import log
from services.foundation.tracing import Parent
from services.models.answer import Answer, Failure
from services.models.handle import Attempt
from services.models.registration import Price
from services.models.streaming import StreamedAttempt

# A second attempt that has less than this would only time out.
LEAST_SECONDS = 0.001


class Listener(Protocol):
    """Whoever follows a prediction as it goes."""

    def finished(self, entry: Entry) -> None: ...
    def said(self, text: str) -> None: ...


class Calls:
    """`entries` are all attempts so far, in the order in which they began, and whoever was skipped."""

    def __init__(
        self, plan: Plan, desk: Desk, parent: Parent, router: str, listener: Listener | None
    ) -> None:
        self._clock = asyncio.get_running_loop().time
        self._plan, self._desk, self._parent = plan, desk, parent
        self._router, self._listener = router, listener
        self.purse = Purse(plan.max_cost)
        self.entries: list[Entry] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._told = set[Entry]()
        self.spoke = False

    def skip(self, seat: Seat, why: TurnoutError | str, *, spared: bool = False) -> Entry:
        """Account for somebody who is not called."""
        entry = Entry(seat)
        entry.skipped, entry.spared, seat.done = why, spared, True
        self.entries.append(entry)
        self.tell(entry)
        return entry

    def tell(self, entry: Entry) -> None:
        """Let whoever listens know that nothing more comes of it; once, whatever comes all the same."""
        if self._listener is not None and entry not in self._told:
            self._told.add(entry)
            self._listener.finished(entry)

    async def put(self, seat: Seat) -> bool:
        """Ask one, and again while that may help; whether there is an answer that can be used. Raises
        nothing; who starts it sees to it that it ends."""
        handle = seat.handle
        assert handle is not None  # noqa: S101 - a seat without a handle has an excuse
        end = self._clock() + seat.seconds
        effort, retries = self._desk.effort, 0
        entry: Entry | None = None
        try:
            while (refusal := self.purse.refusal(handle.price)) is None:
                avoid = entry.attempt.endpoint if entry is not None and entry.attempt is not None else ""
                entry = self._begin(seat, end - self._clock(), avoid)
                await self._account(entry, handle.price)
                effort.retries, retries = effort.retries - retries, 0
                if (wait := self._wait(entry, end)) is None:
                    break
                # From the decision on: those who wait for their turn would else all find room.
                effort.retries, retries = effort.retries + 1, 1
                await asyncio.sleep(wait)
            else:
                if entry is None:
                    self.skip(seat, CostLimitReached(refusal))
        finally:
            effort.retries -= retries
        seat.done, seat.answered = True, entry is not None and entry.answered
        return seat.answered

    async def _account(self, entry: Entry, price: Price) -> None:
        """Make the attempt, counted among those in flight and against the limit of cost."""
        effort, attempt, cost = self._desk.effort, entry.attempt, None
        assert attempt is not None  # noqa: S101 - as above
        effort.calls += 1
        self.purse.promise(price)
        try:
            entry.result = result = await (
                self._spoken(attempt) if isinstance(attempt, StreamedAttempt) else attempt.run()
            )
            if isinstance(result, Answer):
                if isinstance(entry.seat.voice, Member):
                    testify(entry, self._plan)
                cost = result.cost
        except Exception as defect:  # noqa: BLE001 - one member's surprise must not take the others' answers along
            entry.result = _surprise(entry, attempt, defect)
        finally:
            effort.calls -= 1
            self.purse.settle(price, cost)
        self.tell(entry)

    def _begin(self, seat: Seat, seconds: float, avoid: str) -> Entry:
        handle, request = seat.handle, seat.request
        assert handle is not None  # noqa: S101 - as above
        assert request is not None  # noqa: S101 - as above
        if seat.aloud and self._listener is not None and handle.streams:
            attempt: Attempt = StreamedAttempt(handle, request, seconds, seconds, self._parent, avoid)
        else:
            attempt = handle.attempt(request, seconds, self._parent, avoid)
        place = (seat.voice.path, seat.step)
        number = self._numbers[place] = self._numbers.get(place, 0) + 1
        entry = Entry(seat, attempt, number)
        self.entries.append(entry)
        return entry

    async def _spoken(self, attempt: StreamedAttempt) -> Answer | Failure:
        """The answer, piece by piece to the listener."""
        assert self._listener is not None  # noqa: S101 - nobody else makes an attempt that streams
        try:
            while isinstance(piece := await attempt.next(), str):
                self.spoke = True
                self._listener.said(piece)
        finally:
            attempt.close()
        return piece

    def _wait(self, entry: Entry, end: float) -> float | None:
        """Seconds after which the same question may be answered, if asked again; None where that is not
        worth it, or not to be had before `end`."""
        result = entry.result
        if not isinstance(result, Failure):
            return None
        # Nobody's words fit behind those that were said.
        if self.spoke and isinstance(entry.attempt, StreamedAttempt):
            return None
        if not result.retryable and result.retry_after is None:
            return None
        wait = result.retry_after or 0.0
        tried = sum(one.seat is entry.seat for one in self.entries)
        if tried > self._plan.retries or end - self._clock() < wait + LEAST_SECONDS:
            return None
        if self._desk.effort.may_retry():
            return wait
        self._desk.watch.retry_refused(self._router)
        return None


def _surprise(entry: Entry, attempt: Attempt, defect: Exception) -> Failure:
    error_id, model = secrets.token_hex(8), entry.seat.voice.model
    log.error("unexpected error in a member's call", error_id=error_id, model=model, exc_info=defect)
    said = f"internal error {error_id}; the server's log has it under this id"
    return attempt.cancelled()._replace(kind="FAILED", code="INTERNAL", message=said, error_id=error_id)
