"""What Redis says of itself."""

import time
from collections.abc import Mapping
from typing import Any

from redis.exceptions import RedisError

from services.cli.doctor.facts import Redis
from services.cli.redis import whereabouts
from services.foundation.errors import TurnoutError
from services.state import alert_keys, keys
from services.state.connection import Connections, connect
from services.state.ids import PARTITIONS

PINGS = 9
WANTED = ("append*", "maxmemory*", "stop-writes-on-bgsave-error", "bind", "protected-mode", "requirepass")


async def ask(url: str) -> Redis | None:
    """INFO, some settings, its clock, how soon it answers, and what was put aside; None without a URL."""
    if not url:
        return None
    try:
        async with connect(url) as connections:
            return await _asked(connections, whereabouts(url))
    except TurnoutError as failed:
        cause = failed.facts.get("cause", "")
        return Redis(whereabouts(url), trouble=f"{failed.message}{f' ({cause})' if cause else ''}")
    except (RedisError, ValueError) as failed:
        return Redis(whereabouts(url), trouble=str(failed))


async def _asked(connections: Connections, place: str) -> Redis:
    client = connections.steady
    taken = []
    for _ in range(PINGS):
        since = time.perf_counter()
        await client.ping()
        taken.append((time.perf_counter() - since) * 1000)
    before = time.time()
    seconds, millionths = await client.time()
    ahead = seconds + millionths / 1e6 - (before + time.time()) / 2
    info = {_text(name): _text(value) for name, value in dict(await client.info("all")).items()}
    return Redis(place, "", min(taken), info, await _config(client), ahead, await _dead_letters(client))


async def _config(client: Any) -> Mapping[str, str] | None:
    try:
        found: dict[str, str] = {}
        # Servers before 7 take one pattern at a time.
        for pattern in WANTED:
            found |= {_text(name): _text(value) for name, value in (await client.config_get(pattern)).items()}
    except (RedisError, TurnoutError):
        # Managed servers rename or forbid CONFIG.
        return None
    # Whether there is a password matters, and what it is never leaves here.
    return found | {"requirepass": "set" if found.get("requirepass") else ""}


async def _dead_letters(client: Any) -> dict[str, int]:
    found = {}
    for stream, key in _STREAMS.items():
        async with client.pipeline(transaction=False) as pipe:
            for partition in range(PARTITIONS):
                pipe.xlen(key(partition))
            found[stream] = sum(await pipe.execute())
    return found


_STREAMS: Mapping[str, Any] = {
    "events": lambda partition: keys.dead_letters(keys.events(partition)),
    "truth": lambda partition: keys.dead_letters(keys.truth(partition)),
    "webhooks": alert_keys.alert_dead_letters,
}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
