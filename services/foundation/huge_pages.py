"""Puts a process's memory on huge pages, where Linux lets it.

A request walks over tens of megabytes of small objects: in pages of 4 KiB these are far more than a processor
keeps the addresses of, and on a virtual machine every miss walks the tables of guest and host. What a process
holds once it has started stays, so it is moved to pages of 2 MiB then, which takes some milliseconds; a tenth
less CPU a prediction was measured (docs/decisions/0009). It is a matter of speed alone: where the kernel, or
the machine's administrator, says no, everything stays as it was.
"""

import ctypes
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

# asm-generic/mman-common.h; since Linux 6.1.
_MADV_COLLAPSE = 25
HUGE = 2 * 1024 * 1024
# Stacks of threads and reserves are mostly untouched: they would only grow.
LEAST_RESIDENT = 0.5

_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+)")


class Area(NamedTuple):
    """Whole huge pages of anonymous memory, from `start` on, in bytes."""

    start: int
    size: int


def gather(smaps: Path = Path("/proc/self/smaps")) -> int:
    """Bytes that are on huge pages now because of this call; 0 where that is not to be had."""
    if sys.platform != "linux" or not smaps.exists():
        return 0
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    moved = [
        area.size for area in areas(smaps.read_text().splitlines()) if not madvise(*area, _MADV_COLLAPSE)
    ]
    return sum(moved)


def areas(lines: Iterable[str]) -> Iterator[Area]:
    """What of a process's memory is worth it, from the lines of its smaps: private, writable, of no file, and
    at least half of it in use.

    >>> lines = ["00200000-00800000 rw-p 00000000 00:00 0 [heap]", "Rss:  6000 kB"]
    >>> list(areas(lines)) == [Area(2 * 2**20, 6 * 2**20)]
    True
    """
    start = end = 0
    for line in lines:
        if found := _MAPPING.match(line):
            usable = found[3] == "rw-p" and found[4] == "0"
            start, end = (int(found[1], 16), int(found[2], 16)) if usable else (0, 0)
        elif line.startswith("Rss:") and int(line.split()[1]) * 1024 >= LEAST_RESIDENT * (end - start):
            first, last = -(-start // HUGE) * HUGE, end // HUGE * HUGE
            if last > first:
                yield Area(first, last - first)
