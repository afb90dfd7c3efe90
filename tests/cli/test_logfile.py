"""A log is bounded in bytes, and its end is never what goes."""

from pathlib import Path

import pytest

from services.cli.logfile import TAIL_BYTES, LogFile


def filled(path: Path, first: int, count: int) -> None:
    with path.open("ab") as log:
        for number in range(first, first + count):
            log.write(f"line {number:03}\n".encode())


def test_the_newest_parts_are_kept_in_their_order(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log", most_bytes=80, copies=2)
    for turn in range(5):
        filled(log.path, 10 * turn, 10)
        assert log.rotate()
    parts = {path.name: path.read_text()[:9].strip() for path in tmp_path.iterdir()}
    assert parts == {"log.2": "line 030", "log.1": "line 040", "log": ""}


def test_a_short_log_stays_where_it_is(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log", most_bytes=90)
    assert not log.rotate()
    filled(log.path, 0, 10)
    assert not log.rotate()
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


@pytest.mark.parametrize("fresh", [0, 2, 9])
def test_the_last_lines_are_found_on_both_sides_of_a_move(tmp_path: Path, fresh: int) -> None:
    log = LogFile(tmp_path / "log", most_bytes=80)
    filled(log.path, 0, 10)
    log.rotate()
    filled(log.path, 10, fresh)
    assert log.tail(4).splitlines() == [f"line {number:03}" for number in range(6 + fresh, 10 + fresh)]


def test_of_a_huge_log_only_the_end_is_read(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log")
    log.path.write_bytes(b"x" * 3 * TAIL_BYTES + b"\nthe end\n")
    assert log.tail(1) == "the end"
    assert len(log.tail(2)) <= TAIL_BYTES


def test_no_log_has_no_end(tmp_path: Path) -> None:
    assert LogFile(tmp_path / "log").tail(3) == ""


def test_a_log_that_cannot_be_moved_is_whole(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log", most_bytes=80)
    filled(log.path, 0, 10)
    (tmp_path / "log.1").touch()
    (tmp_path / "log.2").mkdir()
    (tmp_path / "log.3" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="not empty"):
        log.rotate()
    assert log.path.read_text().splitlines()[-1] == "line 009"
