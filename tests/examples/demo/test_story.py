"""What the story does to the fleet."""

import asyncio
import signal
import sys

from examples.demo.cast import CAST
from examples.demo.options import Options
from examples.demo.story import Stage, Story

NOWHERE = dict.fromkeys(("router", "aggregator", "feedback", "drift"), "127.0.0.1:1")


async def server() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", "import signal; signal.pause()")


async def test_the_favourite_is_killed_again_when_it_is_back_and_nobody_else_is() -> None:
    first, second, other = await server(), await server(), await server()
    processes = {f"models/{CAST.best}": [first.pid], "models/other": [other.pid]}
    story = Story(
        Stage(NOWHERE, [], {}, {}, lambda: processes),
        Options(1, 2400, frozenset(), ""),
        now=lambda: 0.0,
        told=lambda _: None,
    )
    story._strike()
    assert await first.wait() == -signal.SIGKILL
    # What the ready file says may be a moment old: a process that is gone is no reason to fail.
    story._strike()
    processes[f"models/{CAST.best}"] = [first.pid, second.pid]
    story._strike()
    assert await second.wait() == -signal.SIGKILL
    assert other.returncode is None
    other.kill()
    await other.wait()
    await story.desk.close()
