"""Every line of the cookbook by real grpcurl: `make cookbook`, which builds it where it is missing."""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from cryptography import x509
from google.protobuf.struct_pb2 import Struct
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.inference_service_pb2 import PredictRequest

from tests.access.house import BOOTSTRAP, enforced
from tests.docs.cookbook import Line, lines
from tests.foundation.identity.authorities import LOCAL, Authority
from tests.models.chat_server import chat_server
from tests.stories.grpcurl import BUILT
from tests.stories.reference import alike, documents, missing
from tests.stories.suite import Suite, starting
from tests.stories.test_guides import Reader
from tests.stories.test_reference import OWN_CHAT, PORTS, remember
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)
READS = re.compile(r"/(Get|List)\w+")


@pytest.fixture(scope="module")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """A throw-away suite with the fleet."""
    async with starting(tmp_path_factory.mktemp("suite"), "--ephemeral", "--fleet") as begun:
        await begun.until_ready()
        yield begun


class Shell:
    """A shell in a folder, with grpcurl on its path, in which the suite is where the page says."""

    def __init__(self, folder: Path, places: dict[str, str]) -> None:
        self._folder = folder
        self._places = places
        self._known: dict[str, str] = {}

    def here(self, text: str) -> str:
        for written, real in self._places.items():
            text = text.replace(written, real)
        return re.sub(r"\$([a-z]\w+)", lambda name: self._known[name[1]], text)

    async def run(self, line: Line) -> bool:
        """Run a line, whose answer has what is shown."""
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", self.here(line.command)),
            cwd=self._folder,
            env={**os.environ, "PATH": f"{BUILT.parent}:{os.environ['PATH']}", "KEY": BOOTSTRAP},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, wrong = (said.decode() for said in await process.communicate())
        if line.kind == "text":
            _shows(self.here(line.shown), f"{wrong}\n{out}")
            return True
        assert process.returncode == 0 or (line.lasts and "DeadlineExceeded" in wrong), wrong
        got, shown = list(documents(out)), list(documents(self.here(line.shown)))
        assert not list(missing(shown, got[: len(shown)])), out
        remember(got, self._known)
        return True


def _shows(shown: str, said: str) -> None:
    """Every line that is shown is said, in this order."""
    rest = said.splitlines()
    for line in map(str.strip, shown.splitlines()):
        places = [place for place, one in enumerate(rest) if alike(line, one.strip())]
        assert places, f"{line}\nis not in\n{said}"
        rest = rest[places[0] + 1 :]


async def somebody_asks(suite: Suite) -> None:
    """Predictions, one after the other, for who watches them."""
    row = Struct()
    row.update({"mean radius": 14.2, "mean texture": 20.1})
    predict = suite.client("router").unary("turnout.router.v1.InferenceService", "Predict")
    while True:
        await predict(PredictRequest(router="oncall", input=Input(row=row)), timeout=10)


@contextlib.asynccontextmanager
async def secured(redis_url: str, folder: Path) -> AsyncIterator[dict[str, str]]:
    """A router with TLS and keys, and one that wants certificates; the folder has what callers need."""
    authority = Authority(folder, "ca")
    chain, key = authority.issue("suite", "suite", LOCAL, x509.DNSName("localhost"))
    authority.issue("ann", "ann")
    ca = str(authority.path)
    told = {"tls_certificate": chain, "tls_key": key, "tls_authorities": ca}
    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(enforced(redis_url, folder / "plain", "router", **told))
        mutual = await stack.enter_async_context(
            enforced(redis_url, folder / "mutual", "router", **told, tls_client_authorities=ca)
        )
        yield {
            "suite.example:50051": plain.clients["router"].target,
            "mutual.example:50051": mutual.clients["router"].target,
        }


def test_grpcurl_is_there() -> None:
    """Elsewhere than in CI its absence skips the lines."""
    assert BUILT.exists() or shutil.which("grpcurl") or not os.environ.get("CI")


async def test_every_line_answers_what_it_shows(suite: Suite, redis_url: str, tmp_path: Path) -> None:
    if not (BUILT.exists() or shutil.which("grpcurl")):
        pytest.skip("needs grpcurl, which make cookbook builds where Go is installed")
    (tmp_path / "plain").mkdir()
    (tmp_path / "mutual").mkdir()
    async with chat_server() as chat, secured(redis_url, tmp_path) as places:
        chat.behave = Reader().serve
        ports = {f"127.0.0.1:{port}": suite.ready[name] for port, name in PORTS.items()}
        ports |= {"127.0.0.1:8080": suite.ready["gateway"].removeprefix("http://"), OWN_CHAT: chat.url}
        shell = Shell(tmp_path, {**places, **ports})
        for line in lines():
            await _try(suite, shell, line)


async def _try(suite: Suite, shell: Shell, line: Line) -> None:
    asking = asyncio.ensure_future(somebody_asks(suite)) if "WatchPredictions" in line.command else None
    reads = READS.search(line.command) and line.kind == "json"
    try:
        await (eventually(lambda: shell.run(line), within=20) if reads else shell.run(line))
    except AssertionError as wrong:
        wrong.add_note(f"cookbook.md:{line.number}: {line.command}")
        raise
    finally:
        if asking:
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
