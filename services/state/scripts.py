"""The Lua scripts: one file of lua/ per state transition, run by digest.

Rules of every script: all keys are declared in KEYS; everything is checked before the first write; counts
are compared, never tested for truth (in Lua, 0 is true); texts are never ordered with `<`, which follows the
locale of the server.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from redis.exceptions import NoScriptError, ResponseError

from services.state.errors import StateUnavailable
from services.state.failures import MappedCluster, MappedRedis

Arg: TypeAlias = str | bytes | int | float
Run: TypeAlias = tuple[Sequence[str], Sequence[Arg]]


@dataclass(frozen=True, slots=True)
class Script:
    """A file of lua/ by its name.

    repeatable: running it twice changes what running it once does, and answers as well; such a script is run
    again, once, when its reply was lost.
    """

    name: str
    repeatable: bool = False

    async def __call__(self, redis: MappedRedis, keys: Sequence[str], args: Sequence[Arg] = ()) -> Any:
        """Run it. Raises StateUnavailable if the outcome is unknown."""
        try:
            return await self._run(redis, keys, args)
        except StateUnavailable:
            if not self.repeatable:
                raise
            return await self._run(redis, keys, args)

    async def many(self, redis: MappedRedis, runs: Iterable[Run]) -> list[Any]:
        """Run it for each of `runs` in one round trip. An item is the reply, or the exception of that run.

        Raises StateUnavailable if the outcome of all is unknown.
        """
        runs = list(runs)
        client: Any = redis
        if isinstance(client, MappedCluster):
            return await self._apart(redis, runs)
        replies = await self._pipe(redis, runs)
        unknown = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:
            await redis.script_load(_source(self.name)[0])
            again = await self._pipe(redis, [runs[index] for index in unknown])
            for index, reply in zip(unknown, again, strict=True):
                replies[index] = reply
        return replies

    @property
    def source(self) -> str:
        """Its text: for who runs it without this class, and for who counts what it costs."""
        return _source(self.name)[0]

    async def _run(self, redis: MappedRedis, keys: Sequence[str], args: Sequence[Arg]) -> Any:
        source, digest = _source(self.name)
        try:
            return await redis.evalsha(digest, len(keys), *keys, *args)
        except NoScriptError:
            # A restarted server has forgotten it; EVAL runs it and keeps it.
            return await redis.eval(source, len(keys), *keys, *args)

    async def _apart(self, cluster: Any, runs: Sequence[Run]) -> list[Any]:
        """The library refuses scripts in a Cluster's pipelines. Those of one slot run one by one: each
        has a connection of its own, and what comes later must find what came before."""
        slots: defaultdict[int, list[int]] = defaultdict(list)
        for index, (keys, _) in enumerate(runs):
            slots[cluster.keyslot(keys[0])].append(index)
        replies: list[Any] = [None] * len(runs)

        async def in_order(indices: Sequence[int]) -> None:
            for index in indices:
                try:
                    replies[index] = await self(cluster, *runs[index])
                except ResponseError as refused:
                    replies[index] = refused

        # All of them end before one is told of: none goes on behind the caller's back.
        for failed in await asyncio.gather(*map(in_order, slots.values()), return_exceptions=True):
            if failed is not None:
                raise failed
        return replies

    async def _pipe(self, redis: MappedRedis, runs: Sequence[Run]) -> list[Any]:
        digest = _source(self.name)[1]
        async with redis.pipeline() as pipe:
            for keys, args in runs:
                pipe.evalsha(digest, len(keys), *keys, *args)
            return await pipe.execute(raise_on_error=False)


@cache
def _source(name: str) -> tuple[str, str]:
    source = files("services.state").joinpath("lua", f"{name}.lua").read_text()
    return source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
