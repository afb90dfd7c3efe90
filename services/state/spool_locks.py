"""Who works in a spool directory: one lock file per writer, held for as long as its process lives."""

import fcntl
import os
import re
from pathlib import Path

from services.foundation.errors import InvalidArgument
from services.state.segments import SUFFIX

_LOCK = ".lock"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


class SpoolLocks:
    """The locks that this process holds. The kernel frees them when it dies, however it dies."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: dict[str, int] = {}

    def create(self, writer: str) -> None:
        """Lock a name that nobody else has; again is harmless. Raises InvalidArgument for what is no file
        name."""
        if not _NAME.fullmatch(writer):
            raise InvalidArgument(
                f"writer {writer[:100]!r} cannot name files",
                fields=[("writer", "1 to 100 letters, digits, - and _, such as a uid")],
            )
        if writer in self._held:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        # Locked first, then named: nobody can find the file between the two and take us for dead.
        unnamed = self._directory / f"{writer}.new"
        descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(self._path(writer))
        self._held[writer] = descriptor

    def take_dead(self) -> list[str]:
        """Lock every name whose holder is gone."""
        left = [*self._directory.glob(f"*{_LOCK}"), *self._directory.glob(f"*{SUFFIX}")]
        names = sorted({path.name.partition(".")[0] for path in left} - self._held.keys())
        return [name for name in names if self._take(name)]

    def release(self, writer: str, *, keep: bool = False) -> None:
        """Let go of a name; with `keep` its lock file stays, because there is something left to take over."""
        descriptor = self._held.pop(writer, None)
        if descriptor is None:
            return
        if not keep:
            self._path(writer).unlink(missing_ok=True)
        os.close(descriptor)

    def release_all(self, kept: set[str]) -> None:
        """Let go of every name; the lock files of those in `kept` stay."""
        for writer in list(self._held):
            self.release(writer, keep=writer in kept)

    def _take(self, writer: str) -> bool:
        path = self._path(writer)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have deleted it since we opened it: then it locks nothing any more.
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                self._held[writer] = descriptor
                return True
        except (BlockingIOError, FileNotFoundError):
            pass  # somebody is alive, or was quicker
        os.close(descriptor)
        return False

    def _path(self, writer: str) -> Path:
        return self._directory / f"{writer}{_LOCK}"
