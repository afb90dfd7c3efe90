"""A profile bucket as bytes: absolute counts, and the last stream entry that they contain.

Layout: format (u16), length of the head (u32), head (JSON), then every feature's columns one after the other
as little-endian unsigned integers of the smallest width that holds the largest of them. Quiet minutes have
small counts, so a bucket of 25 features takes about 6.5 kB.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.drift.cells.tally import Tally

FORMAT = 1
_PREFIX = struct.Struct("<HI")
_WIDTHS = (1, 2, 4, 8)


class UnreadableProfileError(ValueError):
    """A profile blob that this version cannot read: a newer format, other features, or damage."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Counts of one (model, baseline, bucket, partition).

    last_entry: the id of the last stream entry whose rows are in the counts.
    rows: rows counted; tallies: one per feature, in the baseline's order.
    """

    last_entry: str
    rows: int
    tallies: tuple[Tally, ...]

    def __add__(self, other: "Profile") -> "Profile":
        """Both buckets' counts. The last entry means nothing across partitions, so it is dropped."""
        pairs = zip(self.tallies, other.tallies, strict=True)
        return Profile("", self.rows + other.rows, tuple(left + right for left, right in pairs))


def empty(sizes: Sequence[int]) -> Profile:
    """A profile that has counted nothing, for features of `sizes` columns."""
    return Profile("", 0, tuple(Tally(np.zeros(size, dtype=np.int64)) for size in sizes))


def encode(profile: Profile) -> bytes:
    """The profile as bytes of the newest format."""
    columns = np.concatenate([tally.columns for tally in profile.tallies] or [np.zeros(0, dtype=np.int64)])
    largest = int(columns.max(initial=0))
    width = next(width for width in _WIDTHS if largest < 1 << (8 * width))
    unseen = {str(index): dict(tally.unseen) for index, tally in enumerate(profile.tallies) if tally.unseen}
    head = {"last_entry": profile.last_entry, "rows": profile.rows, "width": width, "unseen": unseen}
    packed = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    return _PREFIX.pack(FORMAT, len(packed)) + packed + columns.astype(f"<u{width}").tobytes()


def decode(blob: bytes, sizes: Sequence[int]) -> Profile:
    """The profile in `blob`, whose features have `sizes` columns. Raises UnreadableProfileError."""
    if len(blob) < _PREFIX.size:
        raise UnreadableProfileError(f"a profile has at least {_PREFIX.size} bytes, got {len(blob)}")
    version, length = _PREFIX.unpack_from(blob)
    if version != FORMAT:
        raise UnreadableProfileError(
            f"profile format {version} is not known; this version reads format {FORMAT}"
        )
    body = _PREFIX.size + length
    try:
        head = json.loads(blob[_PREFIX.size : body])
        columns = np.frombuffer(blob, dtype=f"<u{head['width']}", offset=body).astype(np.int64)
    except (ValueError, KeyError, TypeError) as damage:
        raise UnreadableProfileError(f"damaged profile: {damage}") from damage
    if columns.size != sum(sizes):
        raise UnreadableProfileError(
            f"expected {sum(sizes)} counts of {len(sizes)} features, got {columns.size}"
        )
    parts = np.split(columns, np.cumsum(sizes)[:-1]) if len(sizes) else []
    tallies = tuple(Tally(part, head["unseen"].get(str(index), {})) for index, part in enumerate(parts))
    return Profile(head["last_entry"], head["rows"], tallies)
