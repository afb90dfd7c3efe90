"""Which label a model gave and which was true, as numbers that fit where a reward's value does.

The windows of rewards keep the newest thousand by prediction, replace what is corrected and do not depend on
order. A pair of labels is kept in such a window as one number, predicted · 1000 + true, so the pairs of the
newest labels are exact under the same rules. Labels are numbered per model and partition, 1 to 999 in the
order of their coming; what comes after that shares the number 0.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.state import metric_keys
from services.state.failures import MappedRedis
from services.state.scripts import Run, Script

MOST_LABELS = 999
# As long as the windows: each label that joins one renews both.
LIFETIME_SECONDS = 90 * 86_400
# A text that was generated may be a label too; beyond this its hash tells it apart as well.
LONGEST = 64

OTHER = "OTHER"

_CODES = Script("label_codes", repeatable=True)
_SIZE = MOST_LABELS + 1


class Pair(NamedTuple):
    """What was predicted, and what was true."""

    predicted: str
    actual: str


async def encoded(redis: MappedRedis, pairs: Sequence[tuple[int, str, Pair]]) -> list[int]:
    """The number of each (partition, model uid, pair), in one round trip. Raises StateUnavailable."""
    runs: list[Run] = [
        (
            [metric_keys.label_codes(partition, uid)],
            [MOST_LABELS, LIFETIME_SECONDS, short(pair.predicted), short(pair.actual)],
        )
        for partition, uid, pair in pairs
    ]
    found = []
    for reply in await _CODES.many(redis, runs) if runs else []:
        if isinstance(reply, Exception):
            raise reply
        found.append(int(reply[0]) * _SIZE + int(reply[1]))
    return found


async def names(redis: MappedRedis, places: Sequence[tuple[int, str]]) -> list[dict[int, str]]:
    """The labels by number of each (partition, model uid), in one round trip. Raises StateUnavailable."""
    async with redis.pipeline() as pipe:
        for partition, uid in places:
            pipe.hgetall(metric_keys.label_codes(partition, uid))
        replies: list[Any] = await pipe.execute()
    return [{int(code): label.decode() for label, code in fields.items()} for fields in replies]


def counted(numbers: NDArray[Any], labels: Mapping[int, str]) -> Counter[Pair]:
    """How often each pair is among the numbers."""
    distinct, counts = np.unique(numbers, return_counts=True)
    found: Counter[Pair] = Counter()
    for number, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        predicted, actual = divmod(number, _SIZE)
        found[Pair(labels.get(predicted, OTHER), labels.get(actual, OTHER))] += count
    return found


def short(label: str) -> str:
    """A label of bounded length that is the same for the same label only.

    >>> short("yes"), len(short("y" * 100_000))
    ('yes', 64)
    """
    return label if len(label) <= LONGEST else f"#{hashlib.sha256(label.encode()).hexdigest()[:63]}"
