"""Which of the kernel's scheduling classes a process runs in: that of batches while many calls are in flight.

A call goes five times to and fro between the library's threads and the event loop's, and in the ordinary
class whoever is woken interrupts who woke it: 23 switches of threads a prediction, and a loop that is woken
for each event by itself. In SCHED_BATCH the woken thread waits until the other has nothing more to do, so
that events gather: 8 switches, and a sixth of the CPU less (docs/decisions/0009). Where calls come one at a
time nothing could gather, and beside processes that never sleep each thread would wait for their turn to
end: then the class is the ordinary one. https://man7.org/linux/man-pages/man7/sched.7.html
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from services.foundation.gate import Gate
from services.foundation.logs import log

LOOK_SECONDS = 0.25
CALM_SECONDS = 5.0

_THREADS = Path("/proc/self/task")
Choose = Callable[[bool], None]


async def follow(
    gate: Gate, choose: Choose | None = None, wait: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> None:
    """Have `choose(True)` called when the gate has seen a crowd, and `choose(False)` after some seconds
    without one; runs until cancelled. Returns at once where there is nothing to choose: not on Linux, or
    whoever started the process gave it a class. The class is a matter of speed alone: if the kernel refuses
    to change it, it stays."""
    choose = choose or _choice()
    if choose is None:
        return
    batch, calm = False, CALM_SECONDS
    while True:
        await wait(LOOK_SECONDS)
        calm = 0.0 if gate.crowded else calm + LOOK_SECONDS
        gate.crowded = False
        wanted = calm < CALM_SECONDS
        if wanted == batch:
            continue
        try:
            choose(wanted)
        except OSError as refused:
            log.warning("the scheduling class stays as it is", refused=str(refused))
            return
        batch = wanted


def _choice() -> Choose | None:
    if not hasattr(os, "SCHED_BATCH"):
        return None
    try:
        if os.sched_getscheduler(0) != os.SCHED_OTHER:
            return None
    except OSError as refused:
        # As musl does, whatever the kernel would say.
        log.warning("the scheduling class stays as it is", refused=str(refused))
        return None

    def choose(batch: bool) -> None:
        policy = os.SCHED_BATCH if batch else os.SCHED_OTHER
        for thread in _THREADS.iterdir():
            # It may have ended since it was listed; those to come are of their maker's class.
            with suppress(ProcessLookupError):
                os.sched_setscheduler(int(thread.name), policy, os.sched_param(0))
        log.debug("scheduling class", batch=batch)

    return choose
