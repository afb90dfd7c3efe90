"""`turnout replay` of what is no file of records."""

import sys
from pathlib import Path

import pytest

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
