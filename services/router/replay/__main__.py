"""`turnout replay`: decisions of the past, made again in this process."""

import argparse
import asyncio
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from services.foundation.errors import TurnoutError
from services.router.replay.archive import Archive
from services.router.replay.reading import UnreadableError
from services.router.replay.running import replay
from services.state.connection import DEFAULT_URL, connect
from services.state.errors import StateUnavailable


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("turnout replay", description=__doc__)
    parser.add_argument(
        "file",
        help="records or manifests: JSON lines, or messages with their lengths; or an export, as NDJSON or "
        "Parquet; - is stdin",
    )
    parser.add_argument(
        "--deep", action="store_true", help="also compute each again from what was stored in Redis"
    )
    default = os.environ.get("REDIS_URL", DEFAULT_URL)
    parser.add_argument(
        "--redis", default=default, help="URL of where it was stored; default is REDIS_URL, or what runs here"
    )
    return parser.parse_args()


async def _run(told: argparse.Namespace) -> bool:
    with ExitStack() as stack:
        opened = sys.stdin.buffer
        if told.file != "-":
            opened = stack.enter_context(Path(told.file).open("rb"))  # noqa: ASYNC230 - nobody else waits
        if not told.deep:
            return await replay(opened, None, print)
        connections = connect(told.redis)
        try:
            return await replay(opened, Archive(connections), print)
        except StateUnavailable as away:
            place = urlsplit(told.redis).netloc.rpartition("@")[2]
            raise StateUnavailable(f"{away.message}: Redis at {place}; --redis says where else") from away
        finally:
            await connections.close()


def main() -> int:
    """0 if all came out the same, 1 if one did not or there was none, 2 if it could not be read."""
    try:
        return 0 if asyncio.run(_run(_arguments())) else 1
    except OSError as failed:
        named = f"{failed.filename}: {failed.strerror}" if failed.filename else str(failed)
        sys.stderr.write(f"turnout: {named}\n")
        return 2
    except (UnreadableError, TurnoutError) as wrong:
        sys.stderr.write(f"turnout: {wrong}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
