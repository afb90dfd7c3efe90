"""One model server's life: train, serve, say where, drain."""

import asyncio
import json
import os
import signal
from pathlib import Path

import uvloop

from examples.fleet.classifier import ServedClassifier
from examples.fleet.control import Control
from examples.fleet.faults import Faults
from examples.fleet.server import ModelServer
from examples.fleet.training import train
from services.foundation.parent import die_with


def serve(name: str, port: int, announce: Path | None, parent: int) -> None:
    """Until SIGTERM or Ctrl-C, or until `parent` is gone; port 0 takes a free one."""
    die_with(parent)
    uvloop.run(_serve(name, port, announce and announce / f"{name}.json"))


async def _serve(name: str, port: int, announce: Path | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    faults = Faults()
    server = ModelServer(ServedClassifier(name, faults, train(name)), faults)
    control = Control(server)
    await server.start(port)
    await control.start()
    said = {"model": name, "pid": os.getpid(), "address": server.address, "control": control.url}
    _announce(announce, said)
    await stop.wait()
    await server.drain()
    await control.stop()
    _withdraw(announce)


def _announce(path: Path | None, said: dict[str, object]) -> None:
    """Whole or not at all: whoever waits for the file may read it at once."""
    print(json.dumps(said), flush=True)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.draft")
        draft.write_text(json.dumps(said))
        draft.replace(path)


def _withdraw(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)
