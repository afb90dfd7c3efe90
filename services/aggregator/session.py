"""One prediction: who was asked for it, within which time and cost, and what came of everybody."""

import asyncio
from collections.abc import Callable, Sequence

from turnout.aggregator.v1.aggregator_service_pb2 import InferRequest
from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.manifest_pb2 import ParticipantRole

from services.aggregator.asking import NOT_NEEDED, Entry, Seat
from services.aggregator.calls import Calls, Listener
from services.aggregator.chance import unit
from services.aggregator.desk import Desk
from services.aggregator.effort import seconds_for
from services.aggregator.errors import ModelsNotFound
from services.aggregator.hearing import Hearing, budget
from services.aggregator.plan import Plan
from services.aggregator.roster import Roster
from services.aggregator.voices import Voice
from services.foundation.errors import TurnoutError
from services.foundation.tracing import Parent
from services.models.errors import InputMismatch
from services.models.handle import ModelHandle
from services.models.signature import LaidOut

FULL_PANEL = "full panel"


class Session:
    """Asks members and helpers, and keeps the account of it: `entries`, in the order in which they began."""

    def __init__(
        self,
        roster: Roster,
        request: InferRequest,
        desk: Desk,
        parent: Parent,
        seconds: float,
        listener: Listener | None = None,
        *,
        counts: bool = True,
    ) -> None:
        """`seconds` are those that the caller leaves; `counts`: it was the router that asked."""
        self._clock = asyncio.get_running_loop().time
        self._end = self._clock() + budget(seconds)
        self._roster = roster
        self.plan: Plan = roster.plan
        self.given = request.input
        self.desk = desk
        self.prediction_id, self.router, self.counts = request.prediction_id, request.router, counts
        # What chance is drawn from: without an id, the trace, which is another one each time.
        self.seed = request.prediction_id or parent.trace_id
        # Members of one task read the input alike.
        self._laid_out: LaidOut = {}
        self._sampled: bool | None = None
        self._calls = Calls(self.plan, desk, parent, request.router, listener)
        self.entries, self.purse = self._calls.entries, self._calls.purse

    @property
    def left(self) -> float:
        """Seconds that models still have."""
        return self._end - self._clock()

    @property
    def sampled(self) -> bool:
        """Whether it is of the share of predictions that ask everybody, and tell what each is worth."""
        # Not a cached_property: until Python 3.12 each takes a lock.
        if self._sampled is None:
            self._sampled = unit(self.seed, FULL_PANEL) < self.plan.full_fraction
        return self._sampled

    def seat(
        self,
        voice: Voice,
        role: ParticipantRole,
        *,
        given: Input | None = None,
        step: str = "",
        rank: int = 0,
        sample: int = 0,
        later: float = 0.0,
    ) -> Seat:
        """A question to `voice`: the request's input, unless another one is given. Its `seconds` are cut to
        the voice's and the model's own timeouts, and to what is left when others who come after it are to
        have `later` seconds."""
        seat = Seat(voice, role, step, rank)
        try:
            seat.handle = self._roster.handle(voice, self.desk.find, sample)
            seat.request = (
                seat.handle.prepare(self.given, self._laid_out)
                if given is None
                else seat.handle.prepare(given)
            )
        except (InputMismatch, ModelsNotFound) as excuse:
            seat.excuse = excuse
            return seat
        self.allow(seat, later)
        return seat

    def allow(self, seat: Seat, later: float) -> None:
        """Set how long the seat may take, of what is left now."""
        if seat.handle is not None:
            seat.seconds = seconds_for(self.left, _own(seat.voice, seat.handle), later)

    @property
    def heard(self) -> bool:
        """Whether whoever listens has been told words of an answer."""
        return self._calls.spoke

    def patience(self, voice: Voice) -> float:
        """Seconds that the voice may take; 0 for one that cannot be asked."""
        handle = self.desk.find(voice.model)
        return _own(voice, handle) if handle is not None else 0.0

    def price(self, voice: Voice) -> float | None:
        """What a call costs, counted as one with a thousand tokens read and a thousand written; None for a
        model that is not registered, or not priced."""
        handle = self.desk.find(voice.model)
        price = handle.price if handle is not None else None
        return price.of(1000, 1000) if price is not None else None

    def protocol(self, voice: Voice) -> int:
        """That of its model; 0 for one that is not registered."""
        handle = self.desk.find(voice.model)
        return handle.model.protocol if handle is not None else 0

    async def hear(
        self,
        seats: Sequence[Seat],
        enough: Callable[[], bool] | None = None,
        more: Callable[[], Sequence[Seat]] | None = None,
        *,
        patient: bool = False,
    ) -> None:
        """Ask everybody at once, until all have answered or `enough` says so; `more` tells whom to ask in
        addition each time that somebody has ended; of a `patient` one, whenever there was no answer. What
        came of them is among the `entries`.
        """
        first, asked = len(self.entries), list[Seat]()
        async with Hearing(patient=patient) as hearing:
            while True:
                for seat in seats:
                    self._start(hearing, seat)
                asked += seats
                if enough is not None and enough():
                    break
                seats = more() if more is not None else ()
                if not seats and not (hearing.busy and await hearing.wait()):
                    break
        begun = set[Seat]()
        for entry in self.entries[first:]:
            entry.late = hearing.late
            begun.add(entry.seat)
            # Whoever was cut off has not said so itself.
            self._calls.tell(entry)
        for seat in asked:
            # Cut off before it had left.
            if seat not in begun:
                self.skip(seat, NOT_NEEDED)

    async def ask(self, seat: Seat) -> Entry:
        """Ask one; its last attempt."""
        await self.hear([seat])
        return next(entry for entry in reversed(self.entries) if entry.seat is seat)

    def skip(self, seat: Seat, why: TurnoutError | str, *, spared: bool = False) -> Entry:
        """Account for somebody who is not called."""
        return self._calls.skip(seat, why, spared=spared)

    def _start(self, hearing: Hearing, seat: Seat) -> None:
        if seat.excuse is not None:
            self.skip(seat, seat.excuse)
        else:
            hearing.start(self._calls.put(seat), seat.seconds)


def _own(voice: Voice, handle: ModelHandle) -> float:
    return handle.timeout if voice.timeout is None else min(voice.timeout, handle.timeout)
