"""`python -m examples.fleet serve --model NAME --port 0 [--announce PATH]`: one model server."""

import argparse
import asyncio
import json
import os
import signal
from pathlib import Path

import uvloop

from examples.fleet.catalog import FLEET
from examples.fleet.classifier import ServedClassifier
from examples.fleet.control import Control
from examples.fleet.faults import Faults
from examples.fleet.server import ModelServer
from examples.fleet.training import train
from services.foundation.parent import die_with


def main() -> None:
    """Parse the command line and serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m examples.fleet", description="The demo's model servers.")
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="serve one model until SIGTERM or Ctrl-C")
    serve.add_argument("--model", required=True, choices=sorted(FLEET), help="which one")
    serve.add_argument("--port", type=int, default=0, help="0 takes a free one")
    serve.add_argument("--announce", type=Path, help="JSON file that says where, written when ready")
    told = parser.parse_args()
    die_with(os.getppid())
    uvloop.run(_serve(told.model, told.port, told.announce))


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


if __name__ == "__main__":
    main()
