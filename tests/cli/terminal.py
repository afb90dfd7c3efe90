"""A person at a terminal: `turnout` commands, each in a process that has nothing but what it is told."""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
PIPE = asyncio.subprocess.PIPE
# Importing a command takes a second: one process does it, and each command is a fork of that one.
COMMANDS = multiprocessing.get_context("forkserver")
PRELOADED = (
    "services.cli.declared.applying",
    "services.cli.declared.diffing",
    "services.cli.declared.exporting",
    "services.cli.models",
    "services.cli.routers",
    "services.cli.doctor.gathering",
    "services.cli.drift",
    "services.cli.explaining",
    "services.cli.keys.managing",
    "services.cli.keys.whoami",
    "services.cli.learning.canary",
    "services.cli.learning.divergence",
    "services.cli.learning.efficiency",
    "services.cli.learning.experiments",
    "services.cli.learning.feedback",
    "services.cli.learning.rewards",
    "services.cli.nearby",
    "services.cli.tail",
    "tests.cli.drift.typing_in",
    "tests.cli.terminal",
)
COMMANDS.set_forkserver_preload(list(PRELOADED))


class Told(NamedTuple):
    """What a command printed, and how it ended."""

    out: str
    wrong: str
    code: int


class Terminal:
    """A directory of one's own, and an environment that knows a suite."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.environment = {**_plain(), **environment}
        self._typed = 0

    async def type(self, *words: str, **environment: str) -> Told:
        """Run `turnout` with these words."""
        return await self.begin(*words, **environment).end()

    def begin(self, *words: str, **environment: str) -> "Begun":
        """The same, without waiting for its end."""
        self._typed += 1
        typed = self.directory.with_name(f"{self.directory.name}-typed-{self._typed}")
        told = (words, {**self.environment, **environment}, self.directory, typed)
        # One that a failed test has left behind ends with us.
        process = COMMANDS.Process(target=type_in, args=told, daemon=True)
        process.start()
        return Begun(process, typed)

    async def shell(self, line: str, **environment: str) -> Told:
        """Run a line as it stands."""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", line),
            cwd=self.directory,
            env={**self.environment, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )
        out, wrong = await process.communicate()
        return Told(out.decode(), wrong.decode(), process.returncode or 0)


class Begun:
    """A command that runs."""

    def __init__(self, process: "multiprocessing.context.ForkServerProcess", typed: Path) -> None:
        self.process = process
        self._typed = typed

    @property
    def out(self) -> str:
        """What it has printed so far."""
        return _read(f"{self._typed}.out")

    @property
    def wrong(self) -> str:
        """What it has complained of so far."""
        return _read(f"{self._typed}.err")

    async def end(self) -> Told:
        """Wait for it."""
        await eventually(lambda: self.process.exitcode is not None, within=120)
        return Told(self.out, self.wrong, self.process.exitcode or 0)


def type_in(words: Sequence[str], environment: Mapping[str, str], directory: Path, typed: Path) -> None:
    """Be `turnout` with these words; what it prints goes to files beside `typed`."""
    from services.cli import rooms  # noqa: PLC0415

    # Who runs the tests in the background has Ctrl-C ignored, and so had we.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{typed}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    rooms.application(words[0])(list(words[1:]), prog_name=f"turnout {words[0]}")


def _read(path: str) -> str:
    # It is made by the command, which may not have begun.
    return Path(path).read_text() if Path(path).exists() else ""


def _plain() -> dict[str, str]:
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("TURNOUT_", "REDIS_URL"))}
    path = f"{Path(sys.executable).parent}:{ours.get('PATH', '')}"
    return {**ours, "PYTHONPATH": str(ROOT), "COLUMNS": "180", "PATH": path}
