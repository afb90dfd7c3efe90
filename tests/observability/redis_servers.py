"""Real servers of Redis beside those of suites: alone, or as a Cluster."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.cli.ports import FreePorts
from services.state.embedded import find_binary
from tests.waiting import eventually


@asynccontextmanager
async def servers(folder: Path, *each: list[str]) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Processes of the server's binary; killed at the end."""
    started = []
    for number, options in enumerate(each):
        place = folder / str(number)
        place.mkdir()
        started.append(
            await asyncio.create_subprocess_exec(
                *(find_binary(), *options), cwd=place, stdout=asyncio.subprocess.DEVNULL
            )
        )
    try:
        yield started
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
            await process.wait()


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[str]:
    """The URL of three servers that share the slots."""
    taken = FreePorts(random.Random())
    # By default servers talk to each other 10,000 ports further, where somebody else may listen.
    ports = [(taken.take(), taken.take()) for _ in range(3)]
    plain = ["--cluster-enabled", "yes", "--save", "", "--appendonly", "yes"]
    options = [["--port", str(port), "--cluster-port", str(bus), *plain] for port, bus in ports]
    async with servers(folder, *options):
        await joined(ports)
        yield f"redis+cluster://127.0.0.1:{ports[0][0]}"


async def joined(ports: list[tuple[int, int]]) -> None:
    """Servers become a Cluster, each with a third of the slots."""
    bounds = (0, 5461, 10923, 16384)
    nodes: list[Any] = [Redis(port=port, protocol=2, decode_responses=True) for port, _ in ports]
    for place, node in enumerate(nodes):
        await eventually(partial(answers, node), within=20)
        await node.execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[place], bounds[place + 1] - 1)
        await nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", *ports[place])

    async def whole() -> bool:
        told = [str(await node.execute_command("CLUSTER", "INFO")) for node in nodes]
        return all("cluster_state:ok" in one and "cluster_known_nodes:3" in one for one in told)

    await eventually(whole, within=30)
    for node in nodes:
        await node.aclose()


async def answers(node: Redis) -> bool:
    try:
        return bool(await node.ping())
    except (RedisError, OSError):
        return False
