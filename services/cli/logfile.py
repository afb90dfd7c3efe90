"""A program's log: written by the program itself, so that it outlives us, and kept from growing for ever."""

import os
import shutil
from pathlib import Path

# With the copies about 64 MB per program: days of warnings, or minutes of debugging.
MOST_BYTES = 16 * 1024 * 1024
COPIES = 3
# Enough for a traceback; a log of megabytes is not read for a few lines.
TAIL_BYTES = 64 * 1024


class LogFile:
    """The log at `path`, and its earlier parts as path.1 (the newest of them) to path.{copies}."""

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES, copies: int = COPIES) -> None:
        self.path = path
        self._most_bytes = most_bytes
        self._copies = copies

    def rotate(self) -> bool:
        """Move what is there to path.1 if it is more than `most_bytes`; whether it was. Raises OSError, and
        then the log is still whole.

        The program goes on writing to the same file, which it appends to: its end is copied until nothing
        has come since, and cut right then.
        """
        if not self.path.exists() or self.path.stat().st_size <= self._most_bytes:
            return False
        newest = self._part(1)
        if newest.exists():
            for number in range(self._copies, 1, -1):
                if (earlier := self._part(number - 1)).exists():
                    earlier.replace(self._part(number))
        try:
            self._move_to(newest)
        except OSError:
            newest.unlink(missing_ok=True)
            raise
        return True

    def tail(self, lines: int) -> str:
        """The last lines, also when they have just been moved. Raises OSError."""
        found: list[str] = []
        for path in (self.path, self._part(1)):
            if len(found) < lines and path.exists():
                found = [*_tail(path), *found]
        return "\n".join(found[-lines:])

    def _move_to(self, newest: Path) -> None:
        with self.path.open("rb+", buffering=0) as log, newest.open("wb", buffering=0) as copy:
            while log.tell() < os.fstat(log.fileno()).st_size:
                shutil.copyfileobj(log, copy)
            log.truncate(0)

    def _part(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def _tail(path: Path) -> list[str]:
    with path.open("rb") as log:
        log.seek(max(0, os.fstat(log.fileno()).st_size - TAIL_BYTES))
        return log.read().decode(errors="replace").splitlines()
