"""Who lives in a directory, and what becomes of what a killed supervisor left there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli import premises
from services.cli.premises import Premises, PremisesTakenError, holders, sweep

HOLD = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def hold(lock: Path) -> subprocess.Popen[str]:
    """A process that holds the lock until its standard input is closed."""
    command = [sys.executable, "-c", HOLD, str(lock)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_claimed_premises_have_their_rooms_and_can_be_claimed_again_after_release(tmp_path: Path) -> None:
    for _ in range(2):
        home = Premises(tmp_path / "home")
        home.claim()
        assert home.data.is_dir()
        assert home.logs.is_dir()
        assert not list(home.announcements.iterdir())
        (home.announcements / "router-0.json").write_text("{}")
        (home.data / "kept").touch()
        (home.logs / "router.log").touch()
        home.release()
    assert (home.data / "kept").exists()
    assert (home.directory / "logs.before" / "router.log").exists()


def test_a_second_supervisor_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    first = Premises(tmp_path)
    first.claim()
    with pytest.raises(PremisesTakenError, match=f"another suite runs in .* \\(process {os.getpid()}\\)"):
        Premises(tmp_path).claim()
    first.release()


def test_premises_wait_until_the_children_of_a_killed_supervisor_are_gone(tmp_path: Path) -> None:
    child = hold(tmp_path / "suite.lock")
    waited = []

    def pause() -> None:
        waited.append(True)
        child.communicate()

    home = Premises(tmp_path)
    home.claim(pause)
    assert waited
    home.release()


def test_remains_that_do_not_end_are_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(premises, "REMAINS_SECONDS", 0.0)
    child = hold(tmp_path / "suite.lock")
    child.send_signal(signal.SIGSTOP)
    home = Premises(tmp_path)
    home.claim()
    assert child.wait() == -signal.SIGKILL
    home.release()
    child.communicate()


def test_throw_away_premises_leave_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    home = Premises.throw_away()
    (home.data / "file").touch()
    home.release()
    assert not list(tmp_path.iterdir())


def test_a_sweep_removes_what_nobody_holds_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    living, left = Premises.throw_away(), Premises.throw_away()
    for lock in left._locks:
        os.close(lock)
    (tmp_path / "turnout-notes").mkdir()
    assert sweep(tmp_path) == [left.directory]
    assert living.directory.exists()
    assert (tmp_path / "turnout-notes").exists()
    living.release()


def test_holders_are_the_other_processes_that_have_the_file_open(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    child = hold(lock)
    descriptor = os.open(lock, os.O_RDWR)
    assert holders(descriptor) == [child.pid]
    os.close(descriptor)
    child.communicate()
