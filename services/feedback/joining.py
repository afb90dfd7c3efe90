"""Calls that come at the same time share their round trips: a busy process asks Redis for many at once."""

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

from services.feedback.batch import Taken
from services.feedback.intake import Intake, Outcome, Request, sound
from services.foundation.errors import TurnoutError
from services.foundation.logs import log

# As many as an import's group: others wait for the next one.
MOST = 500

_Waiting: TypeAlias = tuple[Request, "asyncio.Future[Outcome | None]"]


class Joint:
    """In front of an intake: what comes while one round trip is on its way goes with the next."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def take(self, request: Request, patience: float) -> Taken:
        """As `Intake.take`. Who leaves while he waits leaves the others undisturbed."""
        answer: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        found = await answer
        # Its record is still to come: that is waited for alone.
        return await self._intake.take(request, patience) if found is None else sound(found)

    async def _work(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._answer([one for one in some if not one[1].cancelled()])
        finally:
            self._task = None
            for _, answer in self._waiting:
                answer.cancel()

    async def _answer(self, some: Sequence[_Waiting]) -> None:
        try:
            outcomes = await self._intake.take_recorded([request for request, _ in some])
        except TurnoutError as failed:
            # An error of its own for each: who raises one adds where it came from.
            for _, answer in some:
                if not answer.done():
                    answer.set_result(_again(failed))
        except Exception as failed:  # noqa: BLE001 - whatever it is
            # A defect that one of them brings to light must not cost the others: each is tried alone.
            log.error("feedback that came together failed", why=type(failed).__name__, exc_info=True)
            for _, answer in some:
                if not answer.done():
                    answer.set_result(None)
        else:
            for place, (_, answer) in enumerate(some):
                if not answer.done():
                    answer.set_result(outcomes.get(place))


def _again(failed: TurnoutError) -> TurnoutError:
    made = type(failed)(failed.message, fields=failed.fields, retry_after=failed.retry_after)
    made.facts = failed.facts
    return made
