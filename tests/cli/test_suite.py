"""A suite that cannot start says why."""

import os
from pathlib import Path

import pytest

from services.cli.child import Program
from services.cli.redis import ForeignRedis
from services.cli.suite import StartError, Suite


async def test_a_program_that_is_not_there_ends_the_start_clearly(tmp_path: Path) -> None:
    said: list[str] = []
    lock = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    suite = Suite(tmp_path / "up", ForeignRedis("redis://127.0.0.1:1"), lock=lock, say=said.append)
    program = Program("router", (str(tmp_path / "missing"),), tmp_path / "log")
    with pytest.raises(StartError, match=r"router cannot be started: \[Errno 2\]"):
        await suite.start([program], lambda _: None)
    await suite.stop()
    os.close(lock)
