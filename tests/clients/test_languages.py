"""The example clients, generated, built and run against a live suite, as their README says."""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.clients.environments import ROOT, run
from tests.stories.suite import Suite, starting

# Packages of others are fetched the first time.
pytestmark = pytest.mark.timeout(900)
CLIENTS, BIN = ROOT / "examples/clients", Path(sys.executable).parent
GENERATE = (
    BIN / "buf",
    "generate",
    "../../..",
    "--template",
    "buf.gen.yaml",
    "--path",
    "../../../protos/turnout",
)
SAID = [
    "answer: benign",
    "feedback: FEEDBACK_STATUS_ACCEPTED",
    "error: NOT_FOUND",
    "reason: ROUTER_NOT_FOUND",
    "error: INVALID_ARGUMENT",
]


@pytest.fixture(scope="module")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """A throw-away suite with the fleet."""
    async with starting(tmp_path_factory.mktemp("suite"), "--ephemeral", "--fleet") as begun:
        await begun.until_ready()
        yield begun


def needs(*programs: str) -> None:
    """Skip where a language is missing; in CI that is a failure."""
    missing = [one for one in programs if shutil.which(one) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"needs {', '.join(missing)}")
    assert not missing


def told(suite: Suite) -> Mapping[str, str]:
    return {
        **os.environ,
        "TURNOUT_ROUTER": suite.ready["router"],
        "TURNOUT_FEEDBACK": suite.ready["feedback"],
    }


def check(said: str, name: str) -> None:
    lines = said.splitlines()
    assert lines[0] == f"router: routers/{name}", said
    # Go writes NotFound where the others write NOT_FOUND.
    plainly = [
        line.replace("NotFound", "NOT_FOUND").replace("InvalidArgument", "INVALID_ARGUMENT") for line in lines
    ]
    assert [line for line in SAID if not any(one.startswith(line) for one in plainly)] == [], said
    (drawn,) = (line for line in lines if line.startswith("drawn: cancer-"))
    variant, share = drawn.removeprefix("drawn: ").split(" with probability ")
    assert {"cancer-bayes": "0.70", "cancer-stump": "0.30"}[variant] == share
    assert any(line.startswith(f"took part: models/{variant}, ") and "SERVED" in line for line in lines), said
    assert any(line.startswith("field: router.variants") for line in lines), said


async def prepared(folder: str, *commands: Sequence[str | Path]) -> Path:
    for command in commands:
        await run(*command, folder=CLIENTS / folder, within=600)
    return CLIENTS / folder


async def test_go(suite: Suite, tmp_path: Path) -> None:
    needs("go")
    place = await prepared(
        "go", GENERATE, ("go", "vet", "./..."), ("go", "build", "-o", tmp_path / "client", ".")
    )
    check(await run(tmp_path / "client", "hello-go", folder=place, environment=told(suite)), "hello-go")


async def test_typescript(suite: Suite) -> None:
    needs("node", "npm", "npx")
    generate = (*GENERATE, "--path", "../../../third_party/google/rpc")
    place = await prepared("typescript", ("npm", "ci"), generate, ("npm", "run", "build"))
    program = ("node", "dist/src/main.js", "hello-ts")
    check(await run(*program, folder=place, environment=told(suite)), "hello-ts")


async def test_python(suite: Suite, tmp_path: Path) -> None:
    uv, python = BIN / "uv", tmp_path / "venv/bin/python"
    wheel = ("hatchling", "build", "--target", "wheel", "--directory", tmp_path / "wheel")
    await run(sys.executable, "-m", *wheel, folder=ROOT / "clients/python")
    (made,) = (tmp_path / "wheel").glob("*.whl")
    await run(uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    await run(uv, "pip", "install", "--quiet", "--python", python, "grpcio", made, within=300)
    said = await run(python, "main.py", "hello-python", folder=CLIENTS / "python", environment=told(suite))
    check(said, "hello-python")
