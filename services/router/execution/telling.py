"""A prediction that is told piece by piece: whoever begins to speak is the one who answers."""

from collections.abc import AsyncGenerator

from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.manifest_pb2 import OUTCOME_SERVED

from services.foundation.call import Call
from services.models.answer import Answer, Failure
from services.models.handle import Attempt
from services.models.signature import Request
from services.models.streaming import StreamedAttempt
from services.router.deciding.plan import Arm, RoutingPlan
from services.router.execution.carrying import Carrying, Limits
from services.router.execution.chain import Chain, Next
from services.router.execution.entries import Entry, seat_of
from services.router.execution.equipment import Equipment
from services.router.execution.ledger import Ledger

# Of a router that says nothing: nobody follows.
ALONE = Carrying(chain=(), attempts=1, budget=0.0, hedge=None, mirror=None, limits=Limits())


class Telling:
    """The attempts of one such prediction. Until a first piece has left, the next variant may answer instead
    of one that failed; after it, nobody's words fit behind those that were said.

    Exhaust `pieces`, or close it; then `result` is what came of it, and `enter` accounts for the attempts.
    """

    def __init__(self, plan: RoutingPlan, given: Input, call: Call, use: Equipment, *, pinned: bool) -> None:
        carrying = plan.carrying or ALONE
        self.chain = Chain(plan, carrying, use.loads.of(plan.uid), given, call, use, closed=pinned)
        self._call = call
        self._use = use
        self._entries: list[Entry] = []
        self._said = False

    @property
    def result(self) -> Answer | Failure:
        """The answer, or the failure of who spoke last; before anybody spoke, of the chosen variant."""
        last = self._entries[-1]
        told = last if last.answered or self._said else self._entries[0]
        return told.result if told.result is not None else told.attempt.cancelled()

    async def pieces(self, arm: Arm, question: Request) -> AsyncGenerator[str, None]:
        """The text, as it comes."""
        seconds = self.chain.seconds(arm.handle.timeout)
        following: Next | None = Next(arm, question, seconds, self._use.trial(arm.probe))
        while following is not None:
            with self.chain.counted():
                entry = self._begin(following)
                async for piece in self._speech(entry):
                    self._said = True
                    yield piece
            # Another model would be asked the same wrong thing as one that refuses it.
            failed = isinstance(entry.result, Failure) and not entry.result.refused
            following = self.chain.next() if failed and not self._said else None

    def enter(self, ledger: Ledger) -> None:
        """Tell the ledger of every attempt."""
        for entry in self.chain.entries:
            if isinstance(entry, Entry) and entry.result is None:
                latency = entry.attempt.latency
                self._use.health.heard(entry.arm.model, "CANCELLED", "CANCELLED", latency, entry.probe)
            entry.enter(ledger)
        if len(self._entries) > 1:
            ledger.note_degraded()

    def _begin(self, to: Next) -> Entry:
        handle, attempt = to.arm.handle, None
        if handle.streams:
            left = self.chain.left
            attempt = StreamedAttempt(handle, to.question, to.seconds, left, self._call)
        again, number = self.chain.made > 0, self.chain.count(to.arm)
        seat = seat_of(to.arm, to.role, number) if self._entries else to.arm.seat
        if again:
            self._use.metrics.second_calls[to.told, to.arm.model].inc()
        entry = Entry(to.arm, seat, attempt or handle.attempt(to.question, to.seconds, self._call), to.probe)
        self._entries.append(entry)
        self.chain.entries.append(entry)
        return entry

    async def _speech(self, entry: Entry) -> AsyncGenerator[str, None]:
        """The pieces of one attempt, whose entry then has the result; who does not stream says it in one."""
        attempt: Attempt = entry.attempt
        if isinstance(attempt, StreamedAttempt):
            try:
                while isinstance(said := await attempt.next(), str):
                    yield said
                entry.result = said
            finally:
                attempt.close()
        else:
            entry.result = await attempt.run()
            if isinstance(entry.result, Answer) and (text := entry.result.output.text.content):
                yield text
        if isinstance(entry.result, Answer):
            entry.outcome = OUTCOME_SERVED
        if entry.result is not None:
            self.chain.heard(entry.result)
            entry.result = self._use.observe(entry.arm.model, entry.result, entry.probe)
