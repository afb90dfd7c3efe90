"""Acknowledged feedback counts once, whatever dies, and whenever: struck before and after each command.

In `make test` Redis is killed at the first commands of every path, which decide, and the service after the
one that counts; `make chaos` kills both at every command, those of the background included, and writes
build/chaos.json.
"""

import itertools
import json
import math
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth

from services.foundation.errors import RemoteError
from tests.chaos.stage import Item, Stage, oracle, staged
from tests.chaos.wire import Strike
from tests.waiting import eventually

LONG = os.environ.get("CHAOS") == "long"
WRITTEN = Path(__file__).parents[2] / "build/chaos.json"
STRUCK: dict[str, list[str]] = {}
BEGAN = 1_760_000_000


class Kind(NamedTuple):
    """A way in. recorded: whether the prediction's record is there before the feedback."""

    outcome: str
    recorded: bool = True
    keyed: bool = False
    imported: bool = False


KINDS = {
    "reward": Kind("reward"),
    "truth": Kind("truth"),
    "before its record": Kind("reward", recorded=False),
    "by external id": Kind("reward", keyed=True),
    "import": Kind("reward", imported=True),
}


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with staged(tmp_path_factory.mktemp("chaos")) as made:
        yield made


def items_of(kind: Kind, event: PredictionEvent) -> list[Item]:
    """A report, a correction that comes first, a duplicate, and a report that is older than both."""
    made = []
    for place, (value, observed) in enumerate(((1.0, 3), (0.0, 2), (1.0, 3), (0.0, 1))):
        item = Item(feedback_id=f"f{place % 2 if place < 3 else 9}")
        if kind.keyed:
            item.router, item.external_id = "routers/learner", event.external_id
        else:
            item.prediction_id = event.manifest.prediction_id
        item.observed_at.FromSeconds(BEGAN + observed)
        if kind.outcome == "truth":
            item.truth.CopyFrom(Truth(label="yes" if value else "no"))
        else:
            item.reward = value
        made.append(item)
    return made


async def struck(stage: Stage, kind: Kind, number: int, after: bool, victim: str) -> bool:
    """One prediction and what came of it, with a strike in the middle. Whether it came to that."""
    event = stage.hands.event("a", "yes")
    if kind.keyed:
        event.external_id = f"order-{event.manifest.prediction_id}"
    if kind.recorded:
        await stage.hands.record(event)
    items = items_of(kind, event)
    act = stage.strike_redis if victim == "redis" else stage.strike_service
    strike = Strike(event.manifest.prediction_id.encode(), number, after, act)
    stage.set(strike)
    told = await stage.until_told(items, kind.imported)
    assert len(told) == len(items)
    if not kind.recorded:
        await stage.recover()
        await stage.hands.record(event)
    SENT.extend(("a", item) for item in items)
    await settled(stage)
    stage.set(None)
    return strike.struck.is_set()


SENT: list[tuple[str, Item]] = []


async def settled(stage: Stage) -> None:
    """Until what was learnt is what the oracle says, and nothing is left that could change it."""

    async def right() -> bool:
        await stage.recover()
        try:
            arms = (await stage.hands.rewards()).arms
        except RemoteError:
            return False  # a connection that died with Redis and was not used since
        found = {arm.variant: (arm.rewards, arm.mean) for arm in arms}
        wanted = oracle(SENT)
        return all(
            found[arm][0] == count and math.isclose(found[arm][1], mean)
            for arm, (count, mean) in wanted.items()
        )

    await eventually(right, within=60)


async def everywhere(stage: Stage, name: str, victim: str) -> int:
    """Strike at each command of the path, or the first two in the short run, before and after; how many there
    are."""
    for number in itertools.count(1):
        if number > 2 and not LONG:
            return number - 1
        for after in (False, True):
            if not await struck(stage, KINDS[name], number, after, victim):
                # So that what comes after a strike is not what makes it right: once more, all at rest.
                await settled(stage)
                return number - 1
            STRUCK.setdefault(f"{name}, {victim}", []).append(f"{number} {'after' if after else 'before'}")
    raise AssertionError("a path without an end")


@pytest.mark.parametrize("name", KINDS)
async def test_redis_is_killed_at_every_command(stage: Stage, name: str) -> None:
    assert await everywhere(stage, name, "redis") >= 2


@pytest.mark.parametrize("name", KINDS if LONG else ["reward"])
async def test_the_service_is_killed_at_every_command(stage: Stage, name: str) -> None:
    if LONG:
        assert await everywhere(stage, name, "service") >= 2
    else:
        assert await struck(stage, KINDS[name], 2, True, "service")


def test_it_was_struck_where_it_hurts() -> None:
    if LONG:
        WRITTEN.parent.mkdir(exist_ok=True)
        WRITTEN.write_text(json.dumps({"strikes": STRUCK, "feedback": len(SENT)}, indent=2) + "\n")
    assert {name.partition(",")[0] for name in STRUCK} == set(KINDS)
    assert all("2 before" in some and "2 after" in some for some in STRUCK.values())
