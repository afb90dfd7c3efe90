"""The demo holds on another seed than its own, and fails when what it shows is taken away."""

import asyncio
import sys
from pathlib import Path

import pytest

from examples.demo.options import LEAST_REQUESTS
from tests.stories.suite import ROOT, Suite, plain_environment
from tests.thorough import THOROUGH

# What each bypass must break; more may fail: a bandit that learns nothing cannot leave a dead model either.
BROKEN = {
    "learning": "the bandit finds the best model",
    "truth": "labels become accuracies",
    "shift": "drift names the shifted feature",
}
# Of drift, which is not even looked at where something else is taken away.
CHAPTER = (
    "a baseline comes from anywhere",
    "labels find their predictions",
    "drift says what moved, and where",
    "all of drift was asked",
    "a scheduled look raises an alert",
    "growing errors are noticed",
    "routing turns away from drift",
)


async def demo(suite: Suite, prefix: str, *options: str) -> tuple[int, str]:
    """Play the demo on our suite; its exit code and its words."""
    told = ("--ready", str(suite.ready_file), "--prefix", prefix, "--requests", str(LEAST_REQUESTS), *options)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.demo", *told),
        cwd=ROOT,
        env=plain_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_everything_that_is_claimed_happens(suite: Suite) -> None:
    code, said = await demo(suite, "whole-", "--seed", "2")
    assert code == 0, said
    assert "Everything that was claimed happened." in said
    report = Path(said.split("  open ")[1].split("\n")[0])
    assert "mean radius" in report.read_text()  # noqa: ASYNC240 - a small local file


@pytest.mark.skipif(not THOROUGH, reason="a demo more, 40 s of CPU: make thorough")
async def test_what_is_taken_away_is_missed(suite: Suite) -> None:
    bypasses = [word for bypass in BROKEN for word in ("--without", bypass)]
    code, said = await demo(suite, "without-", *bypasses)
    assert code == 1, said
    failed = " ".join(said[said.index("The demo failed:") :].split())
    assert [claim for claim in (*BROKEN.values(), *CHAPTER) if claim not in failed] == []
