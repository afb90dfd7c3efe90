# mypy: disable-error-code="override"
# ruff: noqa: A002
"""Clients whose every failure is an error of the suite, and whose replies are typed as what they are."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from redis import exceptions
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.client import Pipeline
from redis.asyncio.cluster import ClusterPipeline, ClusterPubSub

from services.state.errors import StateUnavailable

UNREACHABLE = (
    OSError,
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.ClusterError,
    exceptions.TryAgainError,
    exceptions.RedisClusterException,
)
# Errors of a server that is alive and cannot serve; redis-py has no classes for them.
UNABLE = ("MISCONF", "NOREPLICAS", "MASTERDOWN", "BUSY ")

# Asked again once: most often it is a connection that died while idle.
READS = frozenset(
    (
        *("EXISTS", "GET", "HEXISTS", "HGET", "HGETALL", "HKEYS", "HLEN", "HMGET", "HVALS", "MGET", "PING"),
        *("SMEMBERS", "TTL", "TYPE", "XLEN", "XRANGE", "XREVRANGE", "ZLEXCOUNT", "ZRANGE", "ZRANGEBYLEX"),
        *("ZRANGEBYSCORE", "ZREVRANGE", "ZREVRANGEBYLEX", "ZREVRANGEBYSCORE", "ZSCORE"),
    )
)


@contextmanager
def reaching_redis() -> Iterator[None]:
    """Raises `StateUnavailable` for whatever means that Redis could not do it now.

    And CancelledError, if the task was cancelled meanwhile: the library sends with asyncio.wait_for, which
    before Python 3.12 loses a cancellation that comes just as it is done; the task would run for ever.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        with _mapped():
            yield
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except UNREACHABLE as error:
        raise _unavailable(error) from error
    except exceptions.ResponseError as error:
        if str(error).startswith(UNABLE):
            raise _unavailable(error) from error
        raise


def mapped(error: Exception) -> Exception:
    """What a client raises for an error of one command."""
    try:
        with _mapped():
            raise error
    except Exception as told:  # noqa: BLE001 - it is what is asked for
        return told


def _unavailable(error: Exception) -> StateUnavailable:
    # The text of the error names hosts; it stays in the cause, for the log.
    kind = type(error).__name__
    return StateUnavailable("the state store cannot be reached now", retry_after=1.0, cause=kind)


class MappedPipeline(Pipeline):
    """A pipeline whose failures are the suite's own errors."""

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Send everything queued. Raises StateUnavailable if the outcome of any command is unknown."""
        with reaching_redis():
            return await super().execute(raise_on_error)


class MappedRedis(Redis):
    """A client whose failures are the suite's own errors. Reads are asked twice, writes never."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command. Raises StateUnavailable if its outcome is unknown."""
        if args[0] in READS:
            with suppress(StateUnavailable), reaching_redis():
                return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        with reaching_redis():
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = False, shard_hint: str | None = None) -> MappedPipeline:
        """Commands sent together, not as a transaction: scripts are what is atomic here."""
        return MappedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    if TYPE_CHECKING:
        # The library types every reply as bytes or text. Nothing is decoded here, so it is bytes.
        async def get(self, name: str) -> bytes | None: ...
        async def mget(self, keys: Sequence[str]) -> list[bytes | None]: ...
        async def hget(self, name: str, key: str) -> bytes | None: ...
        async def hmget(self, name: str, keys: Sequence[str | bytes]) -> list[bytes | None]: ...
        async def hgetall(self, name: str) -> dict[bytes, bytes]: ...
        async def xread(
            self, streams: Mapping[str, str], count: int | None = None, block: int | None = None
        ) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]: ...
        async def xrange(
            self,
            name: str,
            min: str = "-",
            max: str = "+",
            count: int | None = None,
        ) -> list[tuple[bytes, dict[bytes, bytes]]]: ...
        async def xrevrange(
            self,
            name: str,
            max: str = "+",
            min: str = "-",
            count: int | None = None,
        ) -> list[tuple[bytes, dict[bytes, bytes]]]: ...
        async def zrange(self, name: str, start: int, end: int) -> list[bytes]: ...
        async def zrangebylex(
            self,
            name: str,
            min: str,
            max: str,
            start: int | None = None,
            num: int | None = None,
        ) -> list[bytes]: ...
        async def zrevrangebylex(
            self,
            name: str,
            max: str,
            min: str,
            start: int | None = None,
            num: int | None = None,
        ) -> list[bytes]: ...
        async def zrangebyscore(
            self,
            name: str,
            min: float | str,
            max: float | str,
            start: int | None = None,
            num: int | None = None,
        ) -> list[bytes]: ...
        async def zrevrangebyscore(
            self,
            name: str,
            max: float | str,
            min: float | str,
            start: int | None = None,
            num: int | None = None,
        ) -> list[bytes]: ...


@contextmanager
def reaching_cluster() -> Iterator[None]:
    """The same for a Cluster, whose client closes free connections of a server that was away while others
    begin to use them: they find a connection without a socket."""
    with reaching_redis():
        try:
            yield
        except AttributeError as error:
            if error.obj is not None:
                raise
            raise exceptions.ConnectionError("the connection was closed meanwhile") from error


class MappedCluster(RedisCluster):
    """The same for a Cluster."""

    async def aclose(self) -> None:
        """Close every connection: the library closes none while it means to ask for the slots again."""
        self._initialize = False
        await super().aclose()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command. Raises StateUnavailable if its outcome is unknown."""
        with reaching_cluster():
            return await super().execute_command(*args, **options)

    def pipeline(self, *_: Any, **__: Any) -> ClusterPipeline:
        """Commands sent together to each node, not as a transaction."""
        made: ClusterPipeline = MappedClusterPipeline(self)  # type: ignore[abstract]  # as the library has it
        return made

    def pubsub(self, **options: Any) -> ClusterPubSub:
        """Channels that can also be subscribed to before anything else was asked."""
        return ReadyPubSub(self, **options)


class MappedClusterPipeline(ClusterPipeline):
    """A pipeline whose failures are the suite's own errors."""

    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:
        """Send everything queued. Raises StateUnavailable if the outcome of any command is unknown."""
        with reaching_cluster():
            return await super().execute(raise_on_error, allow_redirections)


class ReadyPubSub(ClusterPubSub):
    """The library looks a channel's node up in a map that only commands of the client itself fill."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command."""
        await self.cluster.initialize()
        return await super().execute_command(*args, **options)
