"""Memory on huge pages: what is chosen, and that the kernel really moves it."""

import mmap
import re
from pathlib import Path

import pytest

from services.foundation.huge_pages import HUGE, Area, areas, gather

SMAPS = Path("/proc/self/smaps")


def told(start: int, end: int, rss: int, flags: str = "rw-p", inode: int = 0) -> list[str]:
    return [f"{start:08x}-{end:08x} {flags} 00000000 00:00 {inode} ", "Size: 1 kB", f"Rss: {rss // 1024} kB"]


@pytest.mark.parametrize(
    ("start", "end", "chosen"),
    [
        (HUGE, 3 * HUGE, [Area(HUGE, 2 * HUGE)]),
        (HUGE - 4096, 3 * HUGE + 4096, [Area(HUGE, 2 * HUGE)]),
        (HUGE + 4096, 2 * HUGE + 4096, []),
        (HUGE, 2 * HUGE - 4096, []),
    ],
)
def test_whole_huge_pages_only(start: int, end: int, chosen: list[Area]) -> None:
    assert list(areas(told(start, end, end - start))) == chosen


def test_half_of_it_must_be_in_use() -> None:
    assert list(areas(told(HUGE, 3 * HUGE, HUGE))) == [Area(HUGE, 2 * HUGE)]
    assert list(areas(told(HUGE, 3 * HUGE, HUGE - 4096))) == []


@pytest.mark.parametrize(("flags", "inode"), [("r--p", 0), ("r-xp", 0), ("rw-s", 0), ("rw-p", 7)])
def test_code_files_and_shared_memory_stay(flags: str, inode: int) -> None:
    assert list(areas(told(HUGE, 3 * HUGE, 2 * HUGE, flags, inode))) == []


@pytest.mark.skipif(not SMAPS.exists(), reason="smaps are Linux's")
def test_moved_memory_keeps_what_is_in_it() -> None:
    with mmap.mmap(-1, 4 * HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as held:
        content = bytes(range(256)) * (4 * HUGE // 256)
        held.write(content)
        moved = gather()
        assert held[:] == content
        # 0 where the kernel does not have it.
        assert _on_huge_pages() >= moved
    assert gather(Path("/nowhere")) == 0


def _on_huge_pages() -> int:
    return sum(int(kb) * 1024 for kb in re.findall(r"AnonHugePages:\s+(\d+) kB", SMAPS.read_text()))
