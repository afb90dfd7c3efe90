"""A proxy in front of Redis that counts the commands on the wire, and strikes before or after one of them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

DONE = b"struck-after-this"


@dataclass
class Strike:
    """What happens at the `number`th command that has `mark` in it: `act` is called, before Redis gets it, or
    after Redis has done it and before anybody hears of that. `struck` tells that it happened."""

    mark: bytes
    number: int
    after: bool
    act: Callable[[], Awaitable[None]]
    seen: int = 0
    struck: asyncio.Event = field(default_factory=asyncio.Event)


class Wire:
    """Passes everything on, until the strike that is set."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._server: asyncio.Server | None = None
        self.strike: Strike | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where clients find it."""
        assert self._server
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._client, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.close()
            return
        silent = asyncio.Event()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        back = asyncio.create_task(_back(up_reader, writer, silent, done))
        try:
            while True:
                command = await _command(reader)
                await self._pass(command, up_writer, silent, done)
        except (OSError, asyncio.IncompleteReadError):
            pass  # either side is gone, and so is the connection
        finally:
            # Before anything is awaited: who stops the wire may cancel this a second time.
            for one in (writer, up_writer):
                one.close()
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)

    async def _pass(
        self,
        command: bytes,
        upstream: asyncio.StreamWriter,
        silent: asyncio.Event,
        done: "asyncio.Future[None]",
    ) -> None:
        strike = self.strike
        if strike is None or strike.mark not in command or strike.struck.is_set():
            upstream.write(command)
            await upstream.drain()
            return
        strike.seen += 1
        if strike.seen != strike.number:
            upstream.write(command)
            await upstream.drain()
            return
        strike.struck.set()
        if strike.after:
            # Replies come in order: once this one is there, Redis has done what was before it, and synced it.
            silent.set()
            upstream.write(command + b"*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n" % (len(DONE), DONE))
            await upstream.drain()
            await done
        await strike.act()
        raise ConnectionResetError


async def _back(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    silent: asyncio.Event,
    done: "asyncio.Future[None]",
) -> None:
    heard = b""
    while data := await reader.read(1 << 16):
        if silent.is_set():
            heard += data
            if DONE in heard and not done.done():
                done.set_result(None)
        else:
            writer.write(data)
            await writer.drain()
    writer.close()


async def _command(reader: asyncio.StreamReader) -> bytes:
    """One command as it stands on the wire: an array of strings."""
    whole = first = await reader.readuntil(b"\r\n")
    for _ in range(int(first[1:])):
        size = await reader.readuntil(b"\r\n")
        whole += size + await reader.readexactly(int(size[1:]) + 2)
    return whole
