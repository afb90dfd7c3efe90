"""Where everything is, for people."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.cli.ready import HERE, Whereabouts

PAGES = ["http://127.0.0.1:50151/metrics", "http://127.0.0.1:50152/metrics"]


def test_every_address_stands_whole_on_a_line_of_eighty_columns() -> None:
    where = Whereabouts(
        {"router": "127.0.0.1:50051"},
        {"router": PAGES},
        "redis://me:secret@127.0.0.1:26379/0",
        {"models/cancer-boosting": "127.0.0.1:50062"},
    )
    lines = where.lines()
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines] == [
        ["router", "127.0.0.1:50051", PAGES[0]],
        [PAGES[1]],
        ["redis", "127.0.0.1:26379"],
        ["models/cancer-boosting", "127.0.0.1:50062"],
    ]


def test_replay_asks_the_redis_of_what_runs_here_unless_told_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    HERE.mkdir(parents=True)
    said = {"process": "redis", "address": "127.0.0.1:7777", "pid": os.getpid()}
    (HERE / "redis.json").write_text(json.dumps(said))
    begun = list[tuple[str, str]]()
    monkeypatch.setattr(os, "execv", lambda _, words: begun.append((words[-1], os.environ["REDIS_URL"])))
    monkeypatch.delenv("REDIS_URL", raising=False)
    # Set by the command itself, and taken back at the end.
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere:1/0")
    CliRunner().invoke(app, ["replay", "told"])
    monkeypatch.delenv("REDIS_URL")
    CliRunner().invoke(app, ["replay", "untold"])
    assert begun == [("told", "redis://elsewhere:1/0"), ("untold", "redis://127.0.0.1:7777/0")]
