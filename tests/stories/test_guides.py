"""Every guide for users, command by command, on a running suite."""

import asyncio
import json
import os
import shlex
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.docs.guides import GUIDES, Step, steps
from tests.gateway.curl import curl
from tests.models.chat_server import chat_server
from tests.stories.ensembles.speaking import utter
from tests.stories.grpcurl import run
from tests.stories.reference import Example, alike, documents, missing
from tests.stories.suite import ROOT, Suite
from tests.stories.test_reference import LATER, OWN_CHAT, PORTS, check, filled, remember
from tests.waiting import eventually

GATEWAY = "http://127.0.0.1:8080"
WEBHOOK = "http://127.0.0.1:8008"
# Where `make up` has the model.
BAYES = "127.0.0.1:50063"
PIPE, STDOUT = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
NO_CURL = shutil.which("curl") is None and not os.environ.get("CI")


class Reader:
    """A chat model of one's own: it answers the guides' questions, and whoever is told to doubt answers
    otherwise."""

    async def serve(self, request: web.Request, body: dict[str, object]) -> web.StreamResponse:
        messages = body["messages"]
        assert isinstance(messages, list)
        for one in messages:
            # What shows an image comes in parts.
            one["content"] = str(one["content"])
        told = " ".join(str(one["content"]) for one in messages if one["role"] == "system")
        wrong = "doubt" in told
        content = json.dumps({"refund": not wrong}) if "JSON" in told else ("Lyon." if wrong else "Paris.")
        return await utter(request, body, {"role": "assistant", "content": content})


class Player:
    """Plays a guide on a suite, in a folder of its own, and remembers what answers said."""

    def __init__(self, suite: Suite, folder: Path, addresses: dict[str, str]) -> None:
        self._folder = folder
        self._known: dict[str, str] = {}
        self._ready = str(suite.ready_file)
        self._put = {f"127.0.0.1:{port}": suite.ready[name] for port, name in PORTS.items()}
        bayes = suite.ready["models"]["models/cancer-bayes"].removeprefix("grpc://")
        self._put |= {GATEWAY: suite.ready["gateway"], BAYES: bayes, **addresses}

    def here(self, text: str) -> str:
        """The text with the suite's own addresses, and with what earlier answers said."""
        for written, real in self._put.items():
            text = text.replace(written, real)
        return filled(text, self._known)

    async def do(self, step: Step) -> None:
        """Run a step; its answer has what is shown. What reads is read again until it is right, since others
        hear of a change a moment later."""
        if step.program == "curl" and NO_CURL:
            return
        play = {"grpcurl": self._grpcurl, "curl": self._curl}.get(step.program, self._program)

        async def right() -> bool:
            await play(step)
            return True

        reads = step.program == "grpcurl" and LATER.search(step.text.split()[-1])
        await (eventually(right, within=20) if reads or step.program == "curl" else right())

    async def _grpcurl(self, step: Step) -> None:
        words = [self.here(word) for word in shlex.split(step.text.replace("\\\n", " "))]
        shown = self.here(step.shown)
        error = self._error(shown) if step.kind == "text" else None
        example = Example(step.line, step.text, [] if error else list(documents(shown)), error)
        answer = await run(example, words)
        check(example, answer)
        remember(answer.documents, self._known)

    async def _curl(self, step: Step) -> None:
        words = [self.here(word) for word in shlex.split(step.text.replace("\\\n", " "))]
        reply = await curl(*words[1:])
        got = list(documents(reply.body.decode()))
        shown = list(documents(self.here(step.shown)))
        assert not list(missing(shown, got[: len(shown)])), reply.body
        remember(got, self._known)

    async def _program(self, step: Step) -> None:
        words = [sys.executable, "-c", self.here(step.text)]
        if step.program == "turnout":
            words = [sys.executable, "-m", "services.cli", *shlex.split(self.here(step.text))[1:]]
        said = await self._said(words)
        rest = said
        for line in filter(None, map(str.strip, self.here(step.shown).splitlines())):
            found = next((one for one in rest.splitlines() if alike(line, one.strip())), None)
            assert found is not None, f"{line}\nis not in\n{said}"
            rest = rest.partition(found)[2]

    async def _said(self, words: list[str]) -> str:
        environment = {
            **os.environ,
            "TURNOUT_CLI_READY_FILE": self._ready,
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "120",
        }
        process = await asyncio.create_subprocess_exec(
            *words, cwd=self._folder, env=environment, stdout=PIPE, stderr=STDOUT
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
        return out.decode()

    @staticmethod
    def _error(shown: str) -> tuple[str, str]:
        code, message = (line.partition(": ")[2] for line in shown.splitlines()[1:3])
        return code, message


@asynccontextmanager
async def webhook() -> AsyncIterator[str]:
    """The address of somebody who takes whatever he is told."""

    async def taken(request: web.Request) -> web.Response:
        assert await request.json()
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/hooks/{name}", taken)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def play(suite: Suite, page: Path, folder: Path) -> None:
    """Every step of a page, in order."""
    async with chat_server() as chat, webhook() as told:
        chat.behave = Reader().serve
        await _each(Player(suite, folder, {OWN_CHAT: chat.url, WEBHOOK: told}), page)


async def _each(player: Player, page: Path) -> None:
    for step in steps(page):
        try:
            await player.do(step)
        except AssertionError as wrong:
            wrong.add_note(f"{page.name}:{step.line}: {step.text}")
            raise


@pytest.mark.parametrize("page", GUIDES.values(), ids=GUIDES)
async def test_every_step_of_a_guide_does_what_it_shows(suite: Suite, page: Path, tmp_path: Path) -> None:
    await play(suite, page, tmp_path)
    if NO_CURL and any(step.program == "curl" for step in steps(page)):
        pytest.skip("its lines of curl were left out: needs curl")
