"""How Redis is reached: one URL, three clients that differ in how long they wait."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from services.foundation.errors import InvalidArgument
from services.state.failures import MappedCluster, MappedRedis
from services.state.ids import PARTITIONS
from services.state.packing import packing

# Ten times what a loaded Redis takes; longer waits only pile callers up behind a dead one.
HOT_SECONDS = 0.1
# Writes that may carry megabytes and that nobody's reply waits for, and operations of people.
STEADY_SECONDS = 1.5
# Longest BLOCK of any reader; the socket waits longer, or every quiet stream would look like a dead server.
BLOCK_SECONDS = 1.0
BLOCKING_SECONDS = 5.0
DEFAULT_URL = "redis://127.0.0.1:6379/0"
SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster")


@dataclass(frozen=True, slots=True)
class Connections:
    """What a process holds of Redis; `async with` closes it.

    hot: answers within 0.1 s or fails; for what a caller's reply waits for.
    steady: the same with 1.5 s, for management operations and bulk writes.
    blocking: for readers that wait in the server, at most BLOCK_SECONDS at a time.
    """

    url: str
    hot: MappedRedis
    steady: MappedRedis
    blocking: MappedRedis
    clustered: bool = False

    async def close(self) -> None:
        """Close every connection."""
        for client in (self.hot, self.steady, self.blocking):
            await client.aclose()

    async def __aenter__(self) -> "Connections":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def connect(url: str, *, hot_seconds: float = HOT_SECONDS, connections: int = 32) -> Connections:
    """Clients of the server at `url`; nothing is sent yet.

    redis://, rediss:// and unix:// reach one server, redis+sentinel://host:port,host:port/service the master
    that Sentinels name, redis+cluster://host:port a Cluster. Raises InvalidArgument for any other URL.
    """
    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        raise InvalidArgument(
            f"redis_url must begin with one of {', '.join(f'{known}://' for known in SCHEMES)}",
            fields=[("redis_url", f"a URL such as {DEFAULT_URL}")],
        )
    waits = {"hot": hot_seconds, "steady": STEADY_SECONDS, "blocking": BLOCKING_SECONDS}
    build = {"redis+sentinel": _through_sentinel, "redis+cluster": _to_cluster}.get(scheme, _to_server)
    clients = {name: build(url, _manners(seconds), connections) for name, seconds in waits.items()}
    return Connections(url, clients["hot"], clients["steady"], clients["blocking"], scheme == "redis+cluster")


def _manners(seconds: float) -> dict[str, Any]:
    return {
        "socket_timeout": seconds,
        "socket_connect_timeout": min(seconds, 1.0),
        # The library would repeat any command, also one that ran and whose answer was lost.
        "retry": Retry(NoBackoff(), 0),
        # RESP2: the shapes of replies are the same on 6.2 and later, and connecting takes no HELLO.
        "protocol": 2,
        "driver_info": None,
    }


def _to_server(url: str, manners: Mapping[str, Any], connections: int) -> MappedRedis:
    wait = manners["socket_timeout"]
    pool = BlockingConnectionPool.from_url(url, max_connections=connections, timeout=wait, **manners)
    pool.connection_class = packing(pool.connection_class)
    client: MappedRedis = MappedRedis.from_pool(pool)  # type: ignore[assignment]  # typed as the base class
    return client


class _ThroughSentinel(MappedRedis):
    """The library leaves its connections to Sentinels open when the client closes."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close every connection."""
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _through_sentinel(url: str, manners: Mapping[str, Any], connections: int) -> MappedRedis:
    parts = urlsplit(url)
    service, _, database = parts.path.strip("/").partition("/")
    hosts = [_host_and_port(host, 26379) for host in parts.netloc.rpartition("@")[2].split(",")]
    secrets = {"username": parts.username, "password": parts.password}
    sentinel: Any = Sentinel(  # type: ignore[no-untyped-call]
        hosts, sentinel_kwargs={"socket_timeout": manners["socket_timeout"], "protocol": 2}
    )
    client: MappedRedis = sentinel.master_for(
        service or "mymaster",
        redis_class=_ThroughSentinel,
        connection_pool_class=SentinelConnectionPool,
        max_connections=connections,
        db=int(database or parse_qs(parts.query).get("db", ["0"])[0]),
        **{name: value for name, value in secrets.items() if value},
        **manners,
    )
    return client


def _to_cluster(url: str, manners: Mapping[str, Any], connections: int) -> MappedRedis:
    address = url.replace("redis+cluster://", "redis://", 1)
    # Who finds no connection free there is refused, not made to wait; and many ask every partition at once.
    # The part of the interface that is used here is the same.
    cluster: Any = MappedCluster.from_url(address, max_connections=connections * PARTITIONS, **manners)
    client: MappedRedis = cluster
    return client


def _host_and_port(text: str, default: int) -> tuple[str, int]:
    host, _, port = text.partition(":")
    return host, int(port or default)
