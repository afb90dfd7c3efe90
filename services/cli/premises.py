"""The directory that a suite lives in, and the locks that say who does.

Two locks, both released by the kernel however their holders die. The supervisor alone holds
`supervisor.lock`; `suite.lock` is handed down to every process it starts, so it stays taken until the last of
them is gone.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

PREFIX = "turnout-"

# An earlier suite whose supervisor was killed drains by itself; its services give calls 5 s and flushes 5 s.
REMAINS_SECONDS = 20.0


class PremisesTakenError(RuntimeError):
    """Somebody else lives in the directory; the message says who."""


class Premises:
    """A directory with data/, logs/ (logs.before/ of the last run) and up/ (announcements); `ephemeral` ones
    are removed at the end."""

    def __init__(self, directory: Path, *, ephemeral: bool = False) -> None:
        self.directory = directory
        self.ephemeral = ephemeral
        self._locks: list[int] = []

    @classmethod
    def throw_away(cls) -> Self:
        """A new directory below the system's temporary one, which no sweep can mistake for remains."""
        while True:
            made = cls(Path(tempfile.mkdtemp(prefix=PREFIX)), ephemeral=True)
            try:
                made.claim()
            except (PremisesTakenError, FileNotFoundError):
                # A sweep saw the directory before we had locked it, and took it for an old one.
                continue
            return made

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def announcements(self) -> Path:
        return self.directory / "up"

    @property
    def lock(self) -> int:
        """File descriptor of the lock that children inherit."""
        return self._locks[1]

    def claim(self, pause: Callable[[], None] = lambda: time.sleep(0.1)) -> None:
        """Move in, once the processes of an earlier suite whose supervisor was killed are gone.

        Remains that do not end by themselves are killed. Raises PremisesTakenError when another suite runs.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        supervisor = self._open("supervisor.lock")
        if not locked(supervisor):
            holder = os.pread(supervisor, 20, 0).decode() or "unknown"
            os.close(supervisor)
            raise PremisesTakenError(
                f"another suite runs in {self.directory} (process {holder}); stop it first"
            )
        self._locks = [supervisor, self._open("suite.lock")]
        os.ftruncate(supervisor, 0)
        os.pwrite(supervisor, str(os.getpid()).encode(), 0)
        self._outlast_remains(pause)
        if not self.directory.exists():
            self.release()
            raise FileNotFoundError(self.directory)
        self._furnish()

    def release(self) -> None:
        """Move out; nothing is left of ephemeral premises."""
        if self.ephemeral:
            shutil.rmtree(self.directory, ignore_errors=True)
        for descriptor in self._locks:
            os.close(descriptor)
        self._locks = []

    def _outlast_remains(self, pause: Callable[[], None]) -> None:
        patience = time.monotonic() + REMAINS_SECONDS
        while not locked(self.lock):
            # What is stopped or stuck cannot drain. Holding our lock, it is certainly ours to end.
            if time.monotonic() > patience:
                for process in holders(self.lock):
                    os.kill(process, signal.SIGKILL)
            pause()

    def _furnish(self) -> None:
        shutil.rmtree(self.announcements, ignore_errors=True)
        # The logs of one run before this one are kept: they say why it ended.
        before = self.logs.with_name("logs.before")
        shutil.rmtree(before, ignore_errors=True)
        if self.logs.exists():
            self.logs.rename(before)
        for room in (self.data, self.logs, self.announcements):
            room.mkdir(exist_ok=True)

    def _open(self, name: str) -> int:
        return os.open(self.directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def locked(descriptor: int) -> bool:
    """Whether the exclusive lock is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holders(descriptor: int) -> list[int]:
    """Other processes that have the file open; none where there is no /proc."""
    ours = os.fstat(descriptor)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        # Processes come and go, and those of other users do not show their files.
        with contextlib.suppress(OSError):
            if int(process.name) != os.getpid() and any(
                os.path.samestat(ours, link.stat()) for link in (process / "fd").iterdir()
            ):
                found.append(int(process.name))
    return found


def sweep(temporary: Path) -> list[Path]:
    """Remove the throw-away premises that a killed supervisor left in `temporary`; which ones they were."""
    swept = []
    for lock in temporary.glob(f"{PREFIX}*/suite.lock"):
        if lock.stat().st_uid != os.getuid():
            continue
        descriptor = os.open(lock, os.O_RDWR)
        try:
            if locked(descriptor):
                shutil.rmtree(lock.parent, ignore_errors=True)
                swept.append(lock.parent)
        finally:
            os.close(descriptor)
    return swept
