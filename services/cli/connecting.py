"""How a command asks a running suite: where it is, who asks, and what is said when the answer is no."""

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import typer

from services.cli.complaints import ERROR, USAGE, complain, fail, unusable
from services.cli.doors import Suite, described
from services.cli.ready import HERE
from services.cli.settings import CliSettings
from services.cli.suggestions import suggestion
from services.foundation.client import Client
from services.foundation.configuration import SettingsError, load
from services.foundation.errors import TurnoutError
from services.foundation.fellow import fellow
from services.foundation.identity.pem_files import BadCertificate

__all__ = ["ERROR", "USAGE", "Suite", "Visit", "carry_out", "fail", "visit", "whereabouts"]

# Or what grpc resolves by another way than names and ports.
ADDRESS = re.compile(r"(?:[\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}|(?:dns|unix|unix-abstract|ipv4|ipv6):.+")

T = TypeVar("T")


class Visit:
    """A running suite whose doors are opened when they are first asked for. With a `server` all of them are
    looked for there: a gateway has every one."""

    def __init__(self, server: str | None, settings: CliSettings) -> None:
        self._server = server
        self._settings = settings
        self._clients: dict[str, Client] = {}

    def to(self, name: str) -> Suite:
        """The door of that name in DOORS. Raises SettingsError, OSError."""
        door = described(name)
        key = self._settings.key.get_secret_value()
        headers = (("authorization", f"Bearer {key}"),) if key else ()
        return Suite(self._client(door.process), door.service, headers)

    async def close(self) -> None:
        """Leave; calls in flight are cancelled."""
        for client in self._clients.values():
            await client.close()

    def _client(self, process: str) -> Client:
        if process not in self._clients:
            # Not as a process of the suite: a service token would let whoever has the environment do
            # everything.
            credentials = fellow(self._settings)["credentials"]
            address = whereabouts(process, self._server, self._settings)
            if not ADDRESS.fullmatch(address):
                raise SettingsError(f"the {process}'s address is {address!r}; write HOST:PORT")
            self._clients[process] = Client(address, credentials=credentials)
        return self._clients[process]


def carry_out(door: str, server: str | None, errand: Callable[[Suite], Awaitable[T]]) -> T:
    """As `visit`, for an errand that needs one door."""
    return visit(server, lambda suite: errand(suite.to(door)))


def visit(server: str | None, errand: Callable[[Visit], Awaitable[T]]) -> T:
    """What the errand comes back with. What goes wrong is told on stderr and ends the command: with 2 where a
    setting is wrong, with 1 otherwise."""
    try:
        return asyncio.run(_visited(server, errand))
    except SettingsError as wrong:
        fail(f"a setting is wrong: {wrong}", USAGE)
    except BadCertificate as wrong:
        fail(str(wrong), USAGE)
    except TurnoutError:
        # It is told already, by who could still ask the suite what there is instead.
        raise typer.Exit(ERROR) from None
    except OSError as failed:
        unusable(failed)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _visited(server: str | None, errand: Callable[[Visit], Awaitable[T]]) -> T:
    settings = load(CliSettings, "cli")
    suite = Visit(server, settings)
    try:
        return await errand(suite)
    except TurnoutError as refused:
        complain(refused, await _hindrance(refused, settings) or await suggestion(suite.to, refused))
        raise
    finally:
        await suite.close()


async def _hindrance(refused: TurnoutError, settings: CliSettings) -> str:
    """What of TLS kept us from a service that did not answer: the transport says "Socket closed"."""
    if refused.reason != "SERVICE_UNAVAILABLE" or not (target := refused.facts.get("target")):
        return ""
    from services.cli.doctor.gathering import handshake  # noqa: PLC0415 (nobody else asks for certificates)

    with contextlib.suppress(OSError, ValueError):
        return await handshake.hindrance(target, settings)
    return ""


def whereabouts(process: str, server: str | None, settings: CliSettings, here: Path = HERE) -> str:
    """Address of a process: what the command says, its own setting, the ready file, the suite that runs in
    this directory, or what the process's settings say. Raises SettingsError, OSError."""
    if said := server or str(getattr(settings, process)):
        return said
    if settings.ready_file:
        return _from_ready_file(process, Path(settings.ready_file))
    # What knows suites of this directory costs a third of a second, and only who says nothing needs it.
    from services.cli.nearby import nearby  # noqa: PLC0415

    return nearby(process, here)


def _from_ready_file(process: str, path: Path) -> str:
    try:
        return str(json.loads(path.read_text())[process])
    except (KeyError, TypeError, ValueError):
        raise SettingsError(
            f"ready_file = {str(path)!r}: no ready file with the address of {process}"
        ) from None
