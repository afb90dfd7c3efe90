"""A channel that outlives its certificates: when their files change it is made anew, and what runs on the old
one goes on there."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Literal

import grpc

from services.foundation.identity.certificates import ClientCertificates, credentials_of
from services.foundation.identity.pem_files import PemFiles

Kind = Literal["unary_unary", "stream_unary", "unary_stream", "stream_stream"]
Options = Sequence[tuple[str, Any]]

# How soon new certificates are used: by the first call that comes so long after the last look.
LOOK_SECONDS = 1.0
# What still runs on a former channel when so many came after it is cut; certificates change once a day or so.
MOST_FORMER = 3
# Otherwise it would share the connection of any channel to the same address: the certificate that was shown
# there, and the wait for the next try, where whoever listens by now has not been tried.
ALONE = ("grpc.use_local_subchannel_pool", 1)


class Channel:
    """One target; `credentials` that are certificates in files are followed. Raises OSError,
    BadCertificate."""

    def __init__(
        self, target: str, credentials: grpc.ChannelCredentials | ClientCertificates | None, options: Options
    ) -> None:
        self._target = target
        self._files: PemFiles | None = None
        self._options = [*options, ALONE]
        self._look_at = monotonic() + LOOK_SECONDS
        self._former: deque[grpc.aio.Channel] = deque()
        self._closing: set[asyncio.Task[None]] = set()
        if isinstance(credentials, ClientCertificates):
            self._files = credentials.files()
            credentials = credentials_of(self._files.read())
        self._channel = self._made(credentials)

    def method(self, kind: Kind, *how: Any) -> Callable[[], Any]:
        """A method, to be asked for at each call."""
        channel = self._channel
        made = getattr(channel, kind)(*how)

        def now() -> Any:
            nonlocal channel, made
            if self._files is not None:
                self._look(self._files)
                if channel is not self._channel:
                    channel = self._channel
                    made = getattr(channel, kind)(*how)
            return made

        return now

    async def close(self) -> None:
        """Close it; calls in flight are cancelled."""
        await asyncio.gather(*self._closing)
        for channel in (*self._former, self._channel):
            await channel.close()

    def _look(self, files: PemFiles) -> None:
        if (now := monotonic()) < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        if (fresh := files.renewed()) is None:
            return
        self._former.append(self._channel)
        self._channel = self._made(credentials_of(fresh))
        if len(self._former) > MOST_FORMER:
            closing = asyncio.ensure_future(self._former.popleft().close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def _made(self, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
        if credentials is None:
            return grpc.aio.insecure_channel(self._target, options=self._options)
        return grpc.aio.secure_channel(self._target, credentials, options=self._options)
