"""What the story does to the fleet: one model server is killed, another told to hang."""

import asyncio
import contextlib
import json
import os
import signal
import urllib.request


def kill(pid: int) -> None:
    """As a crash would; one that is gone already stays gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


async def set_mode(control: str, mode: str) -> None:
    """Tell the model server behind the control address to hang, or to be ok again."""
    body = json.dumps({"mode": mode}).encode()
    await asyncio.to_thread(_post, urllib.request.Request(control, body))  # noqa: S310 - the suite told us this


def _post(request: urllib.request.Request) -> None:
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        pass
