"""`python -m examples.fleet serve NAME[:PORT] … [--announce FOLDER]`: model servers, one process each."""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from examples.fleet.catalog import FLEET
from examples.fleet.family import raise_all
from examples.fleet.serving import serve
from examples.fleet.training import load
from services.foundation.parent import die_with


def main() -> int:
    """Parse the command line and serve until SIGTERM or Ctrl-C; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.fleet", description="The demo's model servers.")
    commands = parser.add_subparsers(required=True)
    told = commands.add_parser("serve", help="serve models until SIGTERM or Ctrl-C")
    told.add_argument(
        "models", nargs="+", type=_model, metavar="NAME[:PORT]", help="without a port, a free one"
    )
    told.add_argument(
        "--announce", type=Path, help="folder of a JSON file per model that says where, when ready"
    )
    given = parser.parse_args()
    die_with(os.getppid())
    load(name for name, _ in given.models)
    us = os.getpid()
    return raise_all({name: partial(serve, name, port, given.announce, us) for name, port in given.models})


def _model(told: str) -> tuple[str, int]:
    name, _, port = told.partition(":")
    if name not in FLEET:
        raise argparse.ArgumentTypeError(f"one of {', '.join(sorted(FLEET))} expected, got {name!r}")
    if port and not (port.isdecimal() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"a port from 0 to 65535 expected after the colon, got {port!r}")
    return name, int(port or 0)


if __name__ == "__main__":
    sys.exit(main())
