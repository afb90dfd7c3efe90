"""`turnout replay` of what is no file of records."""

import sys
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToJson
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.router.replay.__main__ import main


def test_a_file_that_is_not_there_or_holds_no_records_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.csv").write_text("amount,plan\n1,gold\n")
    for name, said in (
        ("none", f"turnout: {tmp_path / 'none'}: No such file or directory\n"),
        ("rows.csv", "turnout: record 1 is cut off, or this is no file of records\n"),
    ):
        monkeypatch.setattr(sys, "argv", ["turnout replay", str(tmp_path / name)])
        assert main() == 2
        assert capsys.readouterr().err == said


def test_a_redis_that_is_away_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    event = PredictionEvent(router_uid="01a203f1-28a6-743a-985e-b56121636369")
    event.manifest.router, event.manifest.generation = "routers/churn", 1
    event.manifest.decision.candidates.add(variant="a", model="models/a", probability=1.0, eligible=True)
    (tmp_path / "one").write_text(MessageToJson(event, indent=None) + "\n")
    away = "redis://ann:secret@127.0.0.1:1/0"
    monkeypatch.setattr(sys, "argv", ["turnout replay", str(tmp_path / "one"), "--deep", "--redis", away])
    assert main() == 2
    said = capsys.readouterr().err
    assert "Redis at 127.0.0.1:1; --redis says where else" in said
    assert "secret" not in said
