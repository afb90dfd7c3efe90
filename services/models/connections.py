"""Connections: one gRPC channel per target and one HTTP session per process, shared by all models."""

import weakref
from collections.abc import Mapping

import aiohttp
import grpc

from services.models.reach import GuardedResolver

# Room for a batch of a few thousand wide rows; more wants several calls.
MESSAGE_BYTES = 16 * 1024 * 1024

OPTIONS = [
    # One retry loop only, and it is not here: repeated calls would be missing in the manifest.
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    # Finds dead peers while calls are in flight; other servers tolerate no more than one in five minutes.
    ("grpc.keepalive_time_ms", 300_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A model server that restarts is found within a second or two, not after the library's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


class Connections:
    """Opens connections on first use. A channel lives as long as somebody holds it: the handles of a model
    that was replaced keep theirs until their last call has ended, and then it closes by itself."""

    def __init__(self, environ: Mapping[str, str], *, apart: bool = False) -> None:
        """`apart`: the library would otherwise put channels to one target on one connection."""
        self.environ = environ
        self._options = [*OPTIONS, ("grpc.use_local_subchannel_pool", 1)] if apart else OPTIONS
        self._channels: weakref.WeakValueDictionary[str, grpc.aio.Channel] = weakref.WeakValueDictionary()
        self._session: aiohttp.ClientSession | None = None

    @property
    def targets(self) -> list[str]:
        """Where channels are open to."""
        return sorted(self._channels)

    def channel(self, target: str) -> grpc.aio.Channel:
        """The channel to `host:port`."""
        # In the clear: TLS to model servers is left to the mesh.
        channel = self._channels.get(target)
        if channel is None:
            channel = self._channels[target] = grpc.aio.insecure_channel(target, options=self._options)
        return channel

    def session(self) -> aiohttp.ClientSession:
        """The HTTP session. It has no timeout and no limit of its own: both belong to the model."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60, resolver=GuardedResolver())
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                # What one model's server says is not told to another's.
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def close(self, grace: float | None = None) -> None:
        """Close everything; calls in flight have `grace` seconds."""
        for channel in list(self._channels.values()):
            await channel.close(grace)
        if self._session is not None:
            await self._session.close()
