"""Every logged prediction is in the profiles once, whatever dies, and whenever: struck before and after each
command that is about the partition.

In `make test` each is killed after one command; `make chaos` kills
both at each of them, and writes build/chaos-drift.json.
"""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.drift_stage import DriftStage, staged

LONG = os.environ.get("CHAOS") == "long"
WRITTEN = Path(__file__).parents[2] / "build/chaos-drift.json"
# A batch takes six or seven commands; those of leases and of reads that come back empty are between them. By
# the last ones it may be counted already.
COMMANDS = range(1, 17)
ALWAYS = {f"{number} {when}" for number in range(1, 6) for when in ("before", "after")}
STRUCK: dict[str, list[str]] = {}


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DriftStage]:
    async with staged(tmp_path_factory.mktemp("chaos")) as made:
        yield made


@pytest.mark.parametrize("victim", ["redis", "service"])
async def test_killed_before_and_after_each_command(stage: DriftStage, victim: str) -> None:
    for number in COMMANDS if LONG else (3 if victim == "redis" else 4,):
        for after in (False, True) if LONG else (True,):
            if await stage.struck(number, after, victim):
                STRUCK.setdefault(victim, []).append(f"{number} {'after' if after else 'before'}")
    # So that what comes after a strike is not what makes it right: once more, all at rest.
    await stage.struck(10**9, False, victim)
    assert set(STRUCK[victim]) >= ALWAYS if LONG else STRUCK[victim]


def test_it_was_struck_where_it_hurts() -> None:
    if LONG:
        WRITTEN.parent.mkdir(exist_ok=True)
        WRITTEN.write_text(json.dumps(STRUCK, indent=2) + "\n")
    assert STRUCK.keys() == {"redis", "service"}
