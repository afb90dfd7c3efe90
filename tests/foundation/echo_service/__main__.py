"""The echo service as a process, run as `python -m tests.foundation.echo_service`."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool

from services.foundation.call import Call
from services.foundation.handlers import Servicer
from services.foundation.process import run_service
from services.foundation.runtime import Runtime
from services.foundation.settings import Settings
from tests.foundation.echo import Echo, describe


class EchoSettings(Settings):
    """What the tests tell it."""

    notes: Path | None = None
    """Directory where the service notes what it does."""
    trouble: str = ""
    """What goes wrong: build, background or flush."""


class ProcessEcho(Echo):
    """Says which process answers, and holds its calls until the process is told to stop."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self.runtime = runtime

    async def Raw(self, _request: bytes, _call: Call) -> bytes:
        return str(os.getpid()).encode()

    async def Hold(self, request: Any, _call: Call) -> Any:
        self.holding.set()
        await self.runtime.until_stopped()
        return request


async def build(settings: EchoSettings, runtime: Runtime) -> Sequence[Servicer]:
    if settings.trouble == "build":
        raise RuntimeError("the store is not there")
    if settings.trouble == "hang":
        await asyncio.Event().wait()
    echo = ProcessEcho(runtime)

    async def flush() -> None:
        if settings.trouble == "flush":
            raise OSError("the disk is full")
        if settings.notes:
            (settings.notes / f"flushed-{runtime.worker}").write_text("")

    async def background() -> None:
        await echo.holding.wait()
        if settings.trouble == "background":
            raise RuntimeError("lost the lease")
        if settings.notes:
            (settings.notes / "holding").write_text("")

    runtime.on_drain(flush)
    runtime.spawn(background(), "watcher")
    return [echo]


if __name__ == "__main__":
    # The default pool, as for real services: their generated modules register themselves there.
    describe(descriptor_pool.Default())
    sys.exit(run_service("echo", EchoSettings, build))
