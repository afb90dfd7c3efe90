"""The one way to run a service: `run_service(name, settings_type, build)` is all that its `__main__` says."""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from services.foundation import huge_pages, logs, scheduling
from services.foundation.announcement import Announcement
from services.foundation.configuration import SettingsError, load
from services.foundation.handlers import Servicer
from services.foundation.logs import log
from services.foundation.page import MetricsPage
from services.foundation.parent import die_with
from services.foundation.redaction import secrets_in
from services.foundation.runtime import Runtime
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.foundation.workers import WRONG_SETTINGS, supervise

S = TypeVar("S", bound=Settings)
Build = Callable[[S, Runtime], Awaitable[Sequence[Servicer]]]


# A call makes hundreds of objects that the collector counts, and nearly all go by themselves: to look for
# cycles after each 700, as Python does, takes a fiftieth of an ensemble's CPU.
YOUNG_OBJECTS = 3_000


@dataclass(frozen=True)
class Place:
    """Which of the processes this is."""

    worker: int = 0
    reuse_port: bool = False
    announce: Path | None = None


def run_service(
    name: str,
    settings_type: type[S],
    build: Build[S],
    arguments: Sequence[str] | None = None,
    *,
    alone: bool = False,
) -> int:
    """Run a service until SIGTERM or SIGINT, in one process or as a parent of several workers; the exit code.

    `build(settings, runtime)` opens what the service needs and returns its servicers. `alone`: it is one
    process, and `workers` its own affair. 2 means wrong settings.
    """
    given = parser(name).parse_args(arguments)
    try:
        settings = load(settings_type, name, given.config)
    except SettingsError as wrong:
        sys.stderr.write(f"{name}: {wrong}\n")
        return WRONG_SETTINGS
    worker = given.worker or 0
    hidden = secrets_in(settings)
    logs.configure(name, level=settings.log_level, form=settings.log_format, worker=worker, secrets=hidden)
    if given.parent is not None:
        die_with(given.parent)
    if given.worker is None and settings.workers > 1 and not alone:
        return supervise(module_of_main(), settings, _inherited(given))
    if given.port is not None:
        settings = settings.model_copy(update={"port": given.port})
    place = Place(worker, given.worker is not None, given.announce)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(name, settings, build, place))


def parser(name: str) -> argparse.ArgumentParser:
    """The command line of every service."""
    told = argparse.ArgumentParser(prog=name)
    told.add_argument("--config", type=Path, help="YAML file with settings; TURNOUT_CONFIG otherwise")
    told.add_argument("--announce", type=Path, help="directory for a JSON file per healthy worker")
    told.add_argument("--parent", type=int, help="drain and exit when the process of this id dies")
    told.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    told.add_argument("--port", type=int, help=argparse.SUPPRESS)
    return told


def _inherited(given: argparse.Namespace) -> list[str]:
    options = (("--config", given.config), ("--announce", given.announce))
    return [part for flag, value in options if value for part in (flag, str(value.absolute()))]


def module_of_main() -> str:
    """What `python -m` must be told to start this program again."""
    spec = sys.modules["__main__"].__spec__
    if spec is None:
        raise RuntimeError("several workers need a service that is run by `python -m`")
    return spec.name.removesuffix(".__main__")


async def serve(name: str, settings: S, build: Build[S], place: Place) -> int:
    """Build, serve and drain one worker in the running loop; the exit code."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_loop_error)
    runtime = Runtime(name, settings, worker=place.worker)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runtime.stop)
    page: MetricsPage | None = None
    try:
        page = MetricsPage(
            runtime.metrics.registry, settings.metrics_host, 0 if place.worker else settings.metrics_port
        )
        await _until_stopped(settings, build, runtime, place, page)
    except Exception:  # noqa: BLE001 - the log and the exit code say it; what is open must be closed
        log.exception("could not start")
        runtime.stop(1)
    await runtime.close()
    if page is not None:
        await asyncio.to_thread(page.close)
    log.info("stopped", exit_code=runtime.exit_code)
    return runtime.exit_code


async def _until_stopped(
    settings: S, build: Build[S], runtime: Runtime, place: Place, page: MetricsPage
) -> None:
    services = await _built(settings, build, runtime)
    if services is None:
        return
    front = runtime.front
    server = Server(
        services,
        front.behind() if front else settings,
        telemetry=runtime.telemetry,
        metrics=runtime.metrics,
        pool=front.pool if front else None,
        reuse_port=place.reuse_port,
        rng=runtime.rng,
        access=runtime.access,
        described=front.described if front else (),
    )
    await server.start()
    runtime.address = await front.open(server.address) if front else server.address
    # What has been built stays: without it in view, the collector's passes between calls are short.
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    huge_pages.gather()
    runtime.spawn(scheduling.follow(server.gate), "scheduling class")
    log.info("serving", address=runtime.address, metrics=page.url)
    announcement = Announcement(place.announce, runtime.name, place.worker) if place.announce else None
    if announcement:
        announcement.publish(address=runtime.address, metrics=page.url)
    await runtime.until_stopped()
    log.info("draining")
    if announcement:
        announcement.withdraw()
    if front:
        await front.close()
    await server.drain()


async def _built(settings: S, build: Build[S], runtime: Runtime) -> Sequence[Servicer] | None:
    """The servicers; None if the process was told to stop while they were being made."""
    building = asyncio.ensure_future(build(settings, runtime))
    stopping = asyncio.ensure_future(runtime.until_stopped())
    await asyncio.wait({building, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not building.done():
        building.cancel()
        await asyncio.gather(building, return_exceptions=True)
        return None
    return building.result()


def _log_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody awaited and nobody caught; the details only as far as they are text."""
    log.error("error in the event loop", said=context.get("message"), exc_info=context.get("exception"))
