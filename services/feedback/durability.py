"""How safe acknowledged feedback is: what Redis does with its append-only file, in words."""

from collections.abc import Callable
from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from services.state.failures import MappedRedis

# Nobody changes it often, and every reply names it.
FRESH_SECONDS = 60.0
UNKNOWN = "unknown"


class Durability:
    """The level in force, asked at most once a minute. Replicas are not waited for."""

    def __init__(self, redis: MappedRedis, now: Callable[[], float]) -> None:
        self._redis = redis
        self._now = now
        self._level = UNKNOWN
        self._asked = float("-inf")

    async def level(self) -> str:
        """`appendfsync=always|everysec|no`, `appendonly=no`, or `unknown` where the server will not say."""
        if self._now() - self._asked >= FRESH_SECONDS:
            self._level = await self._ask()
            self._asked = self._now()
        return self._level

    async def _ask(self) -> str:
        try:
            said: Any = await self._redis.config_get("append*")
        except (NoPermissionError, ResponseError):
            # Managed servers rename or forbid CONFIG.
            return UNKNOWN
        found = {_text(key): _text(value) for key, value in said.items()}
        if found.get("appendonly") == "yes":
            return f"appendfsync={found.get('appendfsync', UNKNOWN)}"
        return "appendonly=no" if "appendonly" in found else UNKNOWN


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
