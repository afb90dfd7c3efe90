"""How a command asks a running suite: where it is, who asks, and what is said when the answer is no."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer
from google.protobuf.message import Message
from rich.console import Console
from turnout.drift.v1 import drift_service_pb2

from services.cli.hints import hint
from services.cli.settings import CliSettings
from services.cli.speech import plain
from services.foundation.client import Client
from services.foundation.configuration import SettingsError, load
from services.foundation.errors import RemoteError, TurnoutError
from services.foundation.fellow import fellow

SERVICES: Mapping[str, str] = {
    "drift": drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"].full_name
}
ERROR, USAGE = 1, 2
# A command is somebody who waits: long enough for a slow disk, short enough to be told.
SECONDS = 30.0
# Premises of `turnout up` in the directory where the command is given.
HERE = Path(".turnout/up")

T = TypeVar("T")


@dataclass(frozen=True)
class Suite:
    """One service of a running suite: calls its methods by name."""

    client: Client
    service: str
    headers: tuple[tuple[str, str], ...] = ()

    async def ask(self, method: str, request: Message, seconds: float = SECONDS) -> Any:
        """The reply of a method. Raises RemoteError."""
        return await self.client.unary(self.service, method)(request, timeout=seconds, metadata=self.headers)

    async def send(self, method: str, requests: AsyncIterator[Message], seconds: float) -> Any:
        """The reply of a method that takes a stream. Raises RemoteError."""
        return await self.client.upload(self.service, method)(
            requests, timeout=seconds, metadata=self.headers
        )

    def follow(self, method: str, request: Message, seconds: float) -> AsyncIterator[Any]:
        """The replies of a method that answers with a stream. Raises RemoteError."""
        return self.client.stream(self.service, method)(request, timeout=seconds, metadata=self.headers)


def carry_out(service: str, server: str | None, errand: Callable[[Suite], Awaitable[T]]) -> T:
    """What the errand comes back with. What goes wrong is told on stderr and ends the command: with 2 where a
    setting is wrong, with 1 otherwise."""
    try:
        return asyncio.run(_carried_out(service, server, errand))
    except SettingsError as wrong:
        fail(f"a setting is wrong: {wrong}", USAGE)
    except TurnoutError as refused:
        complain(refused)
        raise typer.Exit(ERROR) from None
    except OSError as failed:
        fail(str(failed), ERROR)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _carried_out(service: str, server: str | None, errand: Callable[[Suite], Awaitable[T]]) -> T:
    settings = load(CliSettings, "cli")
    key = settings.key.get_secret_value()
    headers = (("authorization", f"Bearer {key}"),) if key else ()
    # Not as a process of the suite: a service token would let whoever has the environment do everything.
    client = Client(whereabouts(service, server, settings), credentials=fellow(settings)["credentials"])
    try:
        return await errand(Suite(client, SERVICES[service], headers))
    finally:
        await client.close()


def whereabouts(service: str, server: str | None, settings: CliSettings, here: Path = HERE) -> str:
    """Address of a service: what the command says, its own setting, the ready file, the suite that runs in
    this directory, or what the service's settings say. Raises SettingsError, OSError."""
    if said := server or str(getattr(settings, service)):
        return said
    if settings.ready_file:
        return _from_ready_file(service, Path(settings.ready_file))
    # What knows suites of this directory costs a third of a second, and only who says nothing needs it.
    from services.cli.nearby import nearby  # noqa: PLC0415

    return nearby(service, here)


def _from_ready_file(service: str, path: Path) -> str:
    try:
        return str(json.loads(path.read_text())[service])
    except (KeyError, TypeError, ValueError):
        raise SettingsError(
            f"ready_file = {str(path)!r}: no ready file with the address of {service}"
        ) from None


def complain(refused: TurnoutError) -> None:
    """An error as a person wants it: what happened, which field, and what to do about it."""
    console = Console(stderr=True)
    lines = [f"turnout: {refused.message} ({refused.reason})"]
    # Most messages say their field's complaint already.
    lines += [
        f"  {one.field}: {one.description}" for one in refused.fields if one.description not in lines[0]
    ]
    if told := hint(refused.reason):
        lines.append(f"  {told}")
    if isinstance(refused, RemoteError) and (error_id := refused.facts.get("error_id")):
        lines.append(f"  error_id {error_id} finds it in the service's log")
    for line in lines:
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)


def fail(words: str, code: int) -> NoReturn:
    """Say it on stderr, and end the command."""
    Console(stderr=True).print(f"turnout: {plain(words)}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
