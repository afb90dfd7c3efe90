"""`python -m benchmarks.ejections`: how long after an ejection another process has heard of it, in ms.

One process ejects and another follows, as replicas do, on a Redis of their own; both read the same clock of
the machine."""

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from services.state.connection import connect
from services.state.ejections import Ejections, Entry
from services.state.ejections_followed import EjectionFollower
from services.state.embedded import EmbeddedRedis

COUNT, BETWEEN_SECONDS = 200, 0.05


async def follow(url: str) -> None:
    """Say when each model was heard of, a line each, until cancelled."""
    async with connect(url) as connections:
        known: set[str] = set()

        def hear(_now: int, entries: Sequence[Entry]) -> None:
            heard = time.time_ns()
            for one in entries:
                if one.model_uid not in known:
                    known.add(one.model_uid)
                    print(json.dumps([one.model_uid, heard]), flush=True)

        ejections = Ejections(connections, "follower")
        await EjectionFollower(connections, ejections, on_entries=hear, rng=random.Random(1)).run()


async def measure() -> list[float]:
    """Milliseconds from the beginning of each ejection until the other process had it."""
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedRedis(Path(folder)) as server, connect(server.url) as connections:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "benchmarks.ejections", server.url), stdout=asyncio.subprocess.PIPE
            )
            try:
                return await _eject(Ejections(connections, "ejector"), child.stdout)
            finally:
                child.terminate()
                await child.wait()


async def _eject(ejections: Ejections, heard: asyncio.StreamReader | None) -> list[float]:
    assert heard is not None
    found = []
    # The first ones wait for the other process to begin.
    for place in range(COUNT + 5):
        begun = time.time_ns()
        await ejections.eject(f"model-{place}", number=1, times=1, seconds=60.0, age=0.0, reason="benchmark")
        _, at = json.loads(await heard.readline())
        found.append((at - begun) / 1e6)
        await asyncio.sleep(BETWEEN_SECONDS)
    return found[5:]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(follow(sys.argv[1]))
    else:
        median, late, most = np.percentile(asyncio.run(measure()), [50, 99, 100])
        print(f"{COUNT} ejections: median {median:.1f} ms, p99 {late:.1f} ms, most {most:.1f} ms")
