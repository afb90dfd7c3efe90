"""Asking several models at once: nobody waits for the slowest longer than its own timeout."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Protocol

from services.foundation.logs import log
from services.models.answer import Answer, Failure

Result = Answer | Failure

# Of the caller's remaining time, kept back for combining and for the way home: a fifth, and never more than
# a busy event loop and a local network need.
RESERVED_SHARE = 0.2
RESERVED_SECONDS = 0.02
# Members keep their timeouts themselves; one whose call does not is cut off a little later: half of what is
# reserved, so that the other half remains for the reply.
GRACE_SHARE = 0.1
GRACE_SECONDS = 0.01
# Rounds of the event loop in which an answer that has arrived becomes the result of its task: the transport
# wakes the call, the call its attempt, the attempt the task.
ROUNDS_TO_DRAIN = 3


class Attempt(Protocol):
    """A call that has not started; `services.models` makes them."""

    async def run(self) -> Result: ...
    def cancelled(self) -> Failure: ...


def budget(remaining: float) -> float:
    """Seconds that members may take, of those that the caller still has.

    >>> [round(budget(seconds), 3) for seconds in (30.0, 0.05, 0.0)]
    [29.98, 0.04, 0.0]
    """
    return remaining - min(RESERVED_SECONDS, RESERVED_SHARE * remaining)


async def hear(attempts: Sequence[Attempt], quorum: int, seconds: float) -> list[Result]:
    """Run all attempts at once; their results, in the same order.

    Ends when all have ended, when `quorum` answers can no longer be had (whoever is still at it, or has not
    been asked, is CANCELLED), or a grace after `seconds` (TIMED_OUT). Cancelling it cancels every
    attempt.
    """
    if len(attempts) < quorum:
        # Nobody's answer could be used, and calls cost.
        return [attempt.cancelled() for attempt in attempts]
    tasks = [asyncio.ensure_future(attempt.run()) for attempt in attempts]
    grace = min(GRACE_SECONDS, GRACE_SHARE * seconds)
    try:
        in_time = await _settled(tasks, quorum, seconds + grace)
    finally:
        await _dismiss(tasks, grace)
    return [_result(task, attempt, in_time) for task, attempt in zip(tasks, attempts, strict=True)]


async def _settled(tasks: Sequence[asyncio.Task[Result]], quorum: int, seconds: float) -> bool:
    """Wait until nothing more is to be waited for; whether that came before the time was up."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    pending = set(tasks)
    # A quorum that is met ends nothing: whoever is slow would never be heard again.
    while pending and _answered(tasks) + len(pending) >= quorum:
        done, pending = await asyncio.wait(
            pending, timeout=end - loop.time(), return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            # What has arrived counts, also when the timer was the first to be served.
            for _ in range(ROUNDS_TO_DRAIN):
                await asyncio.sleep(0)
            return False
    return True


def _answered(tasks: Sequence[asyncio.Task[Result]]) -> int:
    return sum(
        task.done() and task.exception() is None and isinstance(task.result(), Answer) for task in tasks
    )


async def _dismiss(tasks: Sequence[asyncio.Task[Result]], grace: float) -> None:
    """Cancel whoever is still at it. A call that resists is left behind: it must not hold up the reply."""
    busy = [task for task in tasks if not task.done()]
    for task in busy:
        task.cancel()
    if busy:
        await asyncio.wait(busy, timeout=grace)


def _result(task: asyncio.Task[Result], attempt: Attempt, in_time: bool) -> Result:
    if not task.done() or task.cancelled():
        return attempt.cancelled() if in_time else _too_late(attempt)
    defect = task.exception()
    if defect is None:
        return task.result()
    # One member's surprise must not take the others' answers along.
    error_id = secrets.token_hex(8)
    log.error("unexpected error in a member's call", error_id=error_id, exc_info=defect)
    message = f"internal error {error_id}; the server's log has it under this id"
    return attempt.cancelled()._replace(kind="FAILED", code="INTERNAL", message=message)


def _too_late(attempt: Attempt) -> Failure:
    return attempt.cancelled()._replace(
        kind="TIMED_OUT", code="DEADLINE_EXCEEDED", message="no answer in time"
    )
