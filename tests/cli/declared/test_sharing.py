"""`turnout routers share`: roles are given, moved and taken, and nobody else loses his."""

import json

import pytest

from tests.cli.running.town import Town
from tests.cli.terminal import Terminal

VARIANTS = [{"model": "cancer-bayes"}, {"model": "cancer-stump"}]
ROUTER = {"name": "shared", "weighted": {}, "variants": VARIANTS}


async def who_may(terminal: Terminal, *words: str) -> dict[str, object]:
    told = await terminal.type("routers", "share", "shared", *words, "-o", "json")
    assert told.code == 0, told
    found: dict[str, object] = json.loads(told.out)
    return {name: value for name, value in found.items() if value}


@pytest.fixture
async def shared(running: Town, terminal: Terminal) -> Terminal:
    (terminal.directory / "shared.json").write_text(json.dumps(ROUTER))
    made = await terminal.type("routers", "create", "-f", "shared.json")
    assert made.code == 0, made
    return terminal


async def test_roles_are_given_moved_and_taken(shared: Terminal) -> None:
    given = await who_may(shared, "--viewer", "ann", "--viewer", "eve", "--predictor", "svc", "--public-view")
    assert given == {"viewers": ["ann", "eve"], "predictors": ["svc"], "public_view": True}
    moved = await who_may(shared, "--editor", "ann", "--revoke", "eve")
    assert moved == {"predictors": ["svc"], "editors": ["ann"], "public_view": True}
    nobody = await shared.type("routers", "share", "shared", "--revoke", "zoe", "-o", "json")
    assert (nobody.code, nobody.wrong.split()[:4]) == (0, ["zoe", "has", "no", "role"])
    assert await who_may(shared, "--no-public-view", "--dry-run") == {
        "predictors": ["svc"],
        "editors": ["ann"],
    }
    assert await who_may(shared) == moved
    told = " ".join((await shared.type("routers", "share", "shared")).out.split())
    assert "administrators owner ann editor svc predictor everybody viewer" in told
    twice = await shared.type("routers", "share", "shared", "--viewer", "bob", "--editor", "bob")
    assert (twice.code, "named twice" in twice.wrong) == (2, True)
    wrong = await shared.type("routers", "share", "shared", "--viewer", "b" * 300)
    assert (wrong.code, "viewers" in wrong.wrong) == (1, True)
    late = await shared.type("routers", "share", "shared", "--viewer", "bob", "--etag", "old")
    assert (late.code, "STALE_ETAG" in late.wrong) == (1, True)
    assert await who_may(shared) == moved
