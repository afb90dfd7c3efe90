"""A client whose commands leave together, if they are given in one go.

A round trip through the library takes longer than Redis and the wire do, whatever it carries. What one
request asks at once (`asyncio.gather`) is one round trip here, and the stores that ask know nothing of it.
"""

import asyncio
from dataclasses import replace
from typing import Any, NamedTuple

from redis.exceptions import DataError

from services.state.connection import Connections
from services.state.errors import StateUnavailable
from services.state.failures import READS, MappedRedis, mapped

# As many leave without waiting for more.
MOST_COMMANDS = 100


class Command(NamedTuple):
    """A command, and where its reply goes."""

    args: tuple[Any, ...]
    options: dict[str, Any]
    reply: asyncio.Future[Any]


class JoinedRedis(MappedRedis):
    """Sends commands in the order in which they were given, to one server; each has its own reply or error.

    Shares the connections of another client, which closes them.
    """

    def __init__(self, client: MappedRedis) -> None:
        super().__init__(connection_pool=client.connection_pool)
        self._waiting: list[Command] = []
        self._sent: set[asyncio.Task[None]] = set()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command, with those that are given before the event loop comes round; its reply is to be
        awaited, and is on its way before that. Raises StateUnavailable if its outcome is unknown."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._gather, 0)
        reply = loop.create_future()
        self._waiting.append(Command(args, options, reply))
        return reply

    def _gather(self, before: int) -> None:
        """Leave once a turn of the event loop has brought none: gathers within gathers take a turn each."""
        if before < len(self._waiting) < MOST_COMMANDS:
            asyncio.get_running_loop().call_soon(self._gather, len(self._waiting))
        else:
            self._leave()

    def _leave(self) -> None:
        # A task of its own: who waits for one of the replies may be cancelled, and the others still wait.
        task = asyncio.create_task(self._send(self._waiting))
        self._waiting = []
        self._sent.add(task)
        task.add_done_callback(self._sent.discard)

    async def _send(self, commands: list[Command]) -> None:
        try:
            if len(commands) == 1:
                await self._alone(commands[0])
                return
            again, replies = [], await self._together(commands)
            if replies is None:
                for one in commands:
                    await self._alone(one)
                return
            for one, reply in zip(commands, replies, strict=True):
                if isinstance(reply, StateUnavailable) and one.args[0] in READS:
                    again.append(one)
                else:
                    _settle(one, reply)
            # Reads are asked twice, as any client does.
            replies = await self._together(again) if again else []
            for one, reply in zip(again, replies or [], strict=True):
                _settle(one, reply)
        finally:
            # Only if this task is cancelled, there are some left.
            for one in commands:
                one.reply.cancel()

    async def _together(self, commands: list[Command]) -> list[Any] | None:
        """The reply of each, or its error; None where one of them cannot be written down, and nothing was
        sent."""
        try:
            async with self.pipeline() as pipe:
                for one in commands:
                    pipe.execute_command(*one.args, **one.options)
                replies = await pipe.execute(raise_on_error=False)
        except DataError:
            return None
        except Exception as error:  # noqa: BLE001 - told to each of those who wait
            return [error] * len(commands)
        return [mapped(reply) if isinstance(reply, Exception) else reply for reply in replies]

    async def _alone(self, command: Command) -> None:
        try:
            _settle(command, await super().execute_command(*command.args, **command.options))
        except Exception as error:  # noqa: BLE001 - told to who waits
            _settle(command, error)


def _settle(command: Command, reply: Any) -> None:
    if command.reply.done():
        return
    if isinstance(reply, Exception):
        command.reply.set_exception(reply)
    else:
        command.reply.set_result(reply)


def joined(connections: Connections) -> Connections:
    """The same connections, whose patient client joins commands. In a Cluster nothing is joined: its keys are
    on many servers, and its pipelines take no scripts. Nor is it where they are joined already."""
    if connections.clustered or isinstance(connections.steady, JoinedRedis):
        return connections
    return replace(connections, steady=JoinedRedis(connections.steady))
