"""A prediction whose router has more than one way to an answer: a slow call is raced, a failed one followed
by another variant's, within the caller's time and the router's budget."""

import asyncio
from contextlib import ExitStack

from turnout.inference.v1.manifest_pb2 import OUTCOME_SERVED, PARTICIPANT_ROLE_HEDGE

from services.foundation.call import Call
from services.models.answer import Answer, Failure
from services.models.signature import Request
from services.router.deciding.plan import Arm
from services.router.execution.carrying import Carrying
from services.router.execution.chain import Chain, Next
from services.router.execution.entries import Entry, Skipped, seat_of
from services.router.execution.equipment import Equipment
from services.router.execution.ledger import Ledger
from services.router.execution.load import Load


class Pursuit:
    """The attempts of one prediction. `run` makes them; `enter` accounts for them, also for those that a
    cancelled `run` left behind."""

    def __init__(self, carrying: Carrying, load: Load, chain: Chain, call: Call, use: Equipment) -> None:
        self._carrying = carrying
        self._load = load
        self._chain = chain
        self._call = call
        self._use = use
        self._entries: list[Entry | Skipped] = chain.entries
        self._first: Entry | None = None
        self._served: Entry | None = None

    async def run(self, arm: Arm, question: Request) -> Answer | Failure:
        """Ask the variant that was chosen, and whoever may follow. Returns the first answer, or what became
        of the first attempt. Cancelled, it cancels every call."""
        seconds = self._chain.seconds(arm.handle.timeout)
        first = self._first = self._begin(Next(arm, question, seconds, self._use.trial(arm.probe)), arm.seat)
        await self._race(first)
        await self._go_on()
        return self._outcome(first)

    async def instead(self) -> Answer | None:
        """Ask the variants that may answer where a jury did not; the first answer, if there is one."""
        await self._go_on()
        served = self._served.result if self._served is not None else None
        return served if isinstance(served, Answer) else None

    def enter(self, ledger: Ledger) -> None:
        """Tell the ledger of every attempt, in the order in which they began."""
        for entry in self._entries:
            if isinstance(entry, Entry) and entry.result is None:
                self._abandoned(entry)
            entry.enter(ledger)
        if self._served is not self._first:
            ledger.note_degraded()

    async def _go_on(self) -> None:
        """Ask one after the other, until one has answered or nobody is left who could help."""
        while self._served is None and self._failure_helped() and (after := self._chain.next()) is not None:
            with self._chain.counted():
                await self._make(self._begin(after))

    def _begin(self, to: Next, seat: bytes | None = None) -> Entry:
        """An attempt that starts now; a `seat` is that of the chosen variant's first."""
        attempt = to.arm.handle.attempt(to.question, to.seconds, self._call, avoid=to.avoid)
        again, number = self._chain.made > 0, self._chain.count(to.arm)
        entry = Entry(to.arm, seat or seat_of(to.arm, to.role, number), attempt, to.probe)
        if again:
            self._use.metrics.second_calls[to.told, to.arm.model].inc()
        self._entries.append(entry)
        return entry

    async def _make(self, entry: Entry) -> None:
        result = await entry.attempt.run()
        self._chain.heard(result)
        entry.result = self._use.observe(entry.arm.model, result, entry.probe)
        self._time(entry)
        if self._served is None and isinstance(result, Answer):
            self._served, entry.outcome = entry, OUTCOME_SERVED

    async def _race(self, first: Entry) -> None:
        """The first call, and a second one beside it if it is slow; whoever answers first wins."""
        delay = self._delay(first)
        if delay is None:
            await self._make(first)
            return
        calls = {asyncio.ensure_future(self._make(first))}
        with ExitStack() as held:
            try:
                await asyncio.wait(calls, timeout=delay)
                if first.result is None and (second := self._second(first)) is not None:
                    first.slow = True
                    held.enter_context(self._load.retry())
                    calls.add(asyncio.ensure_future(self._make(self._begin(second))))
                waiting = {one for one in calls if not one.done()}
                while waiting and self._served is None:
                    _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in calls:
                    one.cancel()
                # The loser ends now, not some time after the reply: it is in the manifest.
                await asyncio.gather(*calls, return_exceptions=True)
        for one in calls:
            if not one.cancelled():
                one.result()

    def _delay(self, first: Entry) -> float | None:
        hedge = self._carrying.hedge
        # A probe that is raced would be called off when it is slow, and nothing be learnt of its model.
        if hedge is None or first.probe is not None or not self._chain.another(first.arm):
            return None
        return self._use.tails.delay(first.arm.model, hedge.quantile, hedge.least)

    def _second(self, first: Entry) -> Next | None:
        """Another instance of the same model, or else the next variant."""
        if not self._chain.affordable:
            return None
        arm = first.arm
        if len(arm.handle.endpoints) == 1 or arm.probe is not None:
            # Of an ejected model no second call is made beside its probe, on whichever instance.
            following = self._chain.next(racing=True)
            return following._replace(role=PARTICIPANT_ROLE_HEDGE) if following is not None else None
        seconds = self._chain.seconds(arm.handle.timeout)
        question = self._chain.question(arm)
        return Next(arm, question, seconds, None, PARTICIPANT_ROLE_HEDGE, first.attempt.endpoint)

    def _failure_helped(self) -> bool:
        """Whether another variant may do better: one that follows a refusal is asked the same wrong thing."""
        failures = [one.result for one in self._entries if isinstance(one, Entry)]
        return all(isinstance(one, Failure) and not one.refused for one in failures)

    def _outcome(self, first: Entry) -> Answer | Failure:
        if self._served is not None and self._served.result is not None:
            return self._served.result
        # Of several failures, the chosen variant's is told: the others stand in the manifest beside it. Only
        # where all refuse the input is it the caller's mistake.
        made = [one.result for one in self._entries if isinstance(one, Entry)]
        failures = [one for one in made if isinstance(one, Failure)]
        failures.sort(key=lambda one: one.refused)
        return failures[0] if failures else first.attempt.cancelled()

    def _abandoned(self, entry: Entry) -> None:
        """A call was cancelled: it lost, or the caller has left."""
        waited = entry.attempt.latency
        self._use.health.heard(entry.arm.model, "CANCELLED", "CANCELLED", waited, entry.probe)
        self._time(entry)

    def _time(self, entry: Entry) -> None:
        if self._carrying.hedge is not None and (entry.answered or entry.slow):
            self._use.tails.note(entry.arm.model, entry.attempt.latency)
