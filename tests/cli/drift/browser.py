"""A real Chromium without a window, spoken to over its DevTools protocol."""

import asyncio
import itertools
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

# The first that is there; CHROMIUM names another.
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 60.0


def executable() -> str | None:
    """Where a Chromium is; None where there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """One page. `events` are all that it reported, in order: requests, messages of the console, and so on."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.events: list[dict[str, Any]] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session = ""

    async def open(self) -> None:
        """Be a new page that reports what it does."""
        target = await self.tell("Target.createTarget", url="about:blank")
        attached = await self.tell("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self.tell(f"{domain}.enable")

    async def tell(self, method: str, **parameters: Any) -> Any:
        """What the browser answers. Raises RuntimeError with what it says is wrong."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json(message | ({"sessionId": self._session} if self._session else {}))
        async with asyncio.timeout(SECONDS):
            while (said := await self._socket.receive_json()).get("id") != number:
                self.events.append(said)
        if "error" in said:
            raise RuntimeError(f"{method}: {said['error']}")
        return said["result"]

    async def visit(self, url: str) -> None:
        """Load a page, and wait until it is there."""
        self.events.clear()
        await self.tell("Page.navigate", url=url)
        async with asyncio.timeout(SECONDS):
            while not self.reported("Page.loadEventFired"):
                self.events.append(await self._socket.receive_json())

    async def run(self, script: str) -> Any:
        """The value of an expression. Raises RuntimeError where it throws."""
        done = await self.tell("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(str(done["exceptionDetails"]))
        return done["result"].get("value")

    def reported(self, method: str) -> list[dict[str, Any]]:
        """The parameters of each event of that name."""
        return [one["params"] for one in self.events if one.get("method") == method]


@asynccontextmanager
async def browsing(profile: Path) -> AsyncIterator[Tab]:
    """A tab of a browser with a new profile; the browser is gone at the end."""
    found = executable()
    if found is None:
        raise FileNotFoundError(f"no Chromium: none of {NAMES} is on the PATH, and CHROMIUM names none")
    # Chromium refuses its sandbox to root, which is who runs in most containers.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(
        *(found, "--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", *options),
        *("--remote-debugging-port=0", f"--user-data-dir={profile}", "--window-size=1200,900"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with aiohttp.ClientSession() as session, session.ws_connect(await _door(process)) as socket:
            tab = Tab(socket)
            await tab.open()
            yield tab
    finally:
        process.kill()
        await process.communicate()


async def _door(process: asyncio.subprocess.Process) -> str:
    """Where the browser listens, as it says on its way up."""
    assert process.stderr is not None
    said = ""
    async with asyncio.timeout(SECONDS):
        while line := (await process.stderr.readline()).decode():
            said += line
            if told := re.search(r"DevTools listening on (ws://\S+)", line):
                return told[1]
    raise RuntimeError(f"the browser ended: {said}")
