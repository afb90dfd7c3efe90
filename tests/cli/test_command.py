"""What the command says when it cannot do what it is asked, and how it explains itself."""

import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli import main, rooms
from services.cli.ports import HOST, FreePorts
from services.cli.premises import Premises
from services.cli.rooms import Room


def turnout(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("TURNOUT_", "REDIS_URL"))}
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=cwd,
        env={**ours, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


SERVICES = ("ROUTER", "AGGREGATOR", "FEEDBACK", "DRIFT")


def test_help_names_the_commands(tmp_path: Path) -> None:
    told = turnout("--help", cwd=tmp_path)
    assert told.returncode == 0
    assert "up" in told.stdout
    assert "demo" in told.stdout


def test_a_port_that_is_taken_is_named_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as stranger:
        port = str(stranger.getsockname()[1])
        # The others take any: what listens on this machine's default ports is no matter of this test.
        free = {f"TURNOUT_{service}_{key}": "0" for service in SERVICES for key in ("PORT", "METRICS_PORT")}
        told = turnout("up", cwd=tmp_path, **{**free, "TURNOUT_DRIFT_PORT": port})
    assert told.returncode == 1
    assert f"port {port} on 127.0.0.1, which drift needs, is taken" in told.stderr
    assert "TURNOUT_DRIFT_PORT" in told.stderr


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TURNOUT_ROUTER_PORT", "seventy", "port = 'seventy'"),
        ("TURNOUT_ROUTER_PROT", "1", "did you mean TURNOUT_ROUTER_PORT"),
    ],
)
def test_a_wrong_setting_is_said_before_anything_starts(
    tmp_path: Path, variable: str, value: str, said: str
) -> None:
    told = turnout("up", "--ephemeral", cwd=tmp_path, **{variable: value})
    assert told.returncode == 2
    assert said in told.stderr


def test_a_redis_that_is_not_there_is_said_before_anything_starts(tmp_path: Path) -> None:
    port = FreePorts(random.Random()).take()
    url = f"redis://somebody:secret@{HOST}:{port}/0"
    told = turnout("up", "--ephemeral", cwd=tmp_path, REDIS_URL=url)
    assert told.returncode == 1
    assert f"Redis cannot be reached at {HOST}:{port}, which REDIS_URL names" in told.stderr
    assert "secret" not in told.stdout + told.stderr
    assert "router" not in told.stdout


def test_a_ready_file_without_a_directory_is_refused_before_anything_starts(tmp_path: Path) -> None:
    told = turnout("up", "--ephemeral", "--ready-file", str(tmp_path / "none" / "f"), cwd=tmp_path)
    assert told.returncode == 2
    assert f"{tmp_path / 'none'} is no directory" in told.stderr
    assert told.stdout == ""


def test_a_second_suite_in_the_same_place_is_refused(tmp_path: Path) -> None:
    first = Premises(tmp_path / ".turnout")
    first.claim()
    told = turnout("up", cwd=tmp_path)
    first.release()
    assert told.returncode == 1
    assert f"(process {os.getpid()}); stop it first" in told.stderr


def test_the_demo_explains_itself(tmp_path: Path) -> None:
    told = turnout("demo", "--help", cwd=tmp_path)
    assert told.returncode == 0
    assert "--without" in told.stdout


def test_ctrl_c_ends_a_command_that_is_still_being_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "long_to_load.py").write_text("raise KeyboardInterrupt")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(rooms, "ROOMS", {"long": Room("long_to_load", "")})
    monkeypatch.setattr(sys, "argv", ["turnout", "long"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
