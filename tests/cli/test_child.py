"""A program that is kept alive."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.cli.child import Child, Program
from services.cli.logfile import MOST_BYTES
from services.cli.ready import alive
from tests.waiting import eventually

SLEEP = "import signal; print('begun', flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('begun', flush=True); signal.pause()"
)


class Company:
    """Makes children that are gone after the test."""

    def __init__(self, directory: Path) -> None:
        self.said: list[str] = []
        self.log = directory / "log"
        self.lock = os.open(directory / "lock", os.O_CREAT | os.O_RDWR)
        self.children: list[Child] = []

    def start(self, code: str, backoff: float = 0.0, log_bytes: int = MOST_BYTES) -> Child:
        command = (sys.executable, "-c", code)
        return self.keep(
            Program("it", command, self.log, {"TOLD": "this"}, backoff=backoff, log_bytes=log_bytes)
        )

    def keep(self, program: Program) -> Child:
        child = Child(program, lock=self.lock, say=self.said.append)
        self.children.append(child)
        child.start()
        return child

    def begun(self) -> int:
        return self.log.read_text().count("begun") if self.log.exists() else 0


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    made = Company(tmp_path)
    yield made
    for child in made.children:
        child.kill()
        await child.stop()
    os.close(made.lock)


async def test_a_program_that_is_killed_is_started_again_and_people_are_told(company: Company) -> None:
    child = company.start(SLEEP)
    await eventually(lambda: company.begun() == 1)
    first = child.pid
    assert first
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: company.begun() == 2)
    assert child.pid not in (None, first)
    assert company.said == ["it was ended by SIGKILL; it is started again in 0 s"]
    assert await child.died == -signal.SIGKILL


async def test_stopping_ends_the_program_for_good(company: Company) -> None:
    child = company.start(SLEEP)
    await eventually(company.begun)
    pid = child.pid
    await child.stop()
    assert pid
    assert not alive(pid)
    assert child.pid is None
    assert company.said == []


async def test_what_does_not_drain_is_killed(company: Company) -> None:
    child = company.start(STUBBORN)
    await eventually(company.begun)
    await child.stop(grace=0.05)
    assert child.code == -signal.SIGKILL
    assert company.said == ["it did not drain within 0.05 s and is killed"]


async def test_wrong_settings_are_not_tried_again(company: Company) -> None:
    child = company.start(
        "import sys; sys.exit('port = 70000: too large') if 0 else print('port 70000'); sys.exit(2)"
    )
    assert await child.died == 2
    await eventually(lambda: company.said)
    assert company.said == ["it refuses its settings and stays down: port 70000"]


async def test_stopping_during_the_backoff_does_not_wait_for_it(company: Company) -> None:
    child = company.start("raise SystemExit(1)", backoff=3600.0)
    assert await child.died == 1
    async with asyncio.timeout(10):
        await child.stop()


async def test_the_program_gets_its_environment_and_keeps_its_last_words(company: Company) -> None:
    child = company.start(
        "import os; print('first'); print(os.environ['TOLD']); raise SystemExit(3)", backoff=3600.0
    )
    assert await child.died == 3
    assert child.last_words(1) == "this"


async def test_what_cannot_be_started_is_said_and_tried_until_it_can(
    company: Company, tmp_path: Path
) -> None:
    missing = tmp_path / "program"
    child = company.keep(Program("it", (str(missing),), company.log, backoff=0.01))
    with pytest.raises(FileNotFoundError):
        await child.died
    await eventually(lambda: len(company.said) > 1)
    assert company.said[0].startswith("it cannot be started: [Errno 2]")
    draft = tmp_path / "draft"
    draft.write_text(f"#!{sys.executable}\n{SLEEP.replace('; ', chr(10))}\n")
    draft.chmod(0o700)
    draft.replace(missing)
    await eventually(lambda: company.begun() == 1)
    assert child.pid
    await child.stop()
    assert child.code == -signal.SIGTERM


async def test_a_log_that_cannot_be_opened_is_said_and_tried_again(company: Company) -> None:
    company.log.mkdir()
    child = company.start(SLEEP, backoff=0.01)
    await eventually(lambda: any("Is a directory" in words for words in company.said))
    assert "cannot be read" in child.last_words()
    company.log.rmdir()
    await eventually(lambda: company.begun() == 1)


CHATTER = """
import os, signal, sys
os.write(1, b"".join(b"%-99s\\n" % (b"line %05d " % number) for number in range(300)))
signal.signal(signal.SIGTERM, lambda *_: (print("last words", flush=True), sys.exit(0)))
signal.pause()
"""


async def test_a_long_log_is_moved_aside_and_its_program_goes_on_writing(company: Company) -> None:
    child = company.start(CHATTER, log_bytes=20_000)
    moved = company.log.with_name("log.1")
    await eventually(lambda: moved.exists() and company.log.stat().st_size == 0)
    assert child.last_words(2).splitlines()[-1].startswith("line 00299")
    await child.stop()
    assert child.last_words(3).splitlines()[-1] == "last words"
    said = moved.read_text() + company.log.read_text()
    assert [line.split(" ")[1] for line in said.splitlines()[:-1]] == [
        f"{number:05}" for number in range(300)
    ]


async def test_a_log_that_cannot_be_moved_is_said_once_and_stays(company: Company) -> None:
    company.log.with_name("log.1").touch()
    company.log.with_name("log.2").mkdir()
    (company.log.with_name("log.3") / "in the way").mkdir(parents=True)
    child = company.start(CHATTER, log_bytes=1_000)
    await eventually(lambda: company.said)
    await child.stop()
    assert company.log.read_text().endswith("last words\n")
    assert company.said[0].startswith("the log of it grows on, it cannot be moved:")
    assert len(company.said) == 1
