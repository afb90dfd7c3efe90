"""Rewards as they hold, by prediction and row: the value of each metric that was reported."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from turnout.inference.v1.event_pb2 import PredictionRecord

from services.state import ids, keys
from services.state.claims import UNITS
from services.state.connection import Connections
from services.state.truths import FIELDS_AT_ONCE

# Rewards are squared and added up, and a millionth of a range has to be more than what a float rounds.
FARTHEST_END = 1e12
NARROWEST_RANGE = 1e-9

# Values by metric, by prediction id and row.
Earned = dict[tuple[str, int], dict[str, float]]


def sound_range(low: float, high: float) -> bool:
    """Whether values within these ends can be reckoned with.

    >>> sound_range(0, 1e12), sound_range(0, 1e300), sound_range(1, 1), sound_range(1e11, 1e11 + 1)
    (True, False, False, False)
    """
    farthest = max(abs(low), abs(high))
    return farthest <= FARTHEST_END and high - low >= NARROWEST_RANGE * max(1.0, farthest)


class Scale(NamedTuple):
    """A metric and its range: values are kept as shares of it."""

    name: str
    low: float = 0.0
    high: float = 1.0

    @property
    def key(self) -> str:
        """What its sums are kept under. Shares of different ranges do not add up, so a new range starts anew.

        >>> Scale("accuracy").key, Scale("revenue", -5, 250).key
        ('accuracy', 'revenue@-5..250')
        """
        plain = (self.low, self.high) == (0.0, 1.0)
        return self.name if plain else f"{self.name}@{self.low:.12g}..{self.high:.12g}"

    def value(self, units: int) -> float:
        """Millionths of the range as a value.

        >>> Scale("revenue", 0, 200).value(250_000)
        50.0
        """
        return self.low + units / UNITS * (self.high - self.low)


class EarnedReader:
    """Reads what feedback keeps of each report. Raises StateUnavailable."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def read(
        self, router_uid: str, scales: Sequence[Scale], records: Sequence[PredictionRecord]
    ) -> Earned:
        """The rewards of a router's predictions, in these metrics."""
        asked = [
            (record.event.manifest.prediction_id, row, scale)
            for record in records
            for row in range(max(1, record.event.rows))
            for scale in scales
        ]
        found: Earned = defaultdict(dict)
        for start in range(0, len(asked), FIELDS_AT_ONCE):
            some = asked[start : start + FIELDS_AT_ONCE]
            async with self._redis.pipeline() as pipe:
                for name, row, scale in some:
                    place = keys.reports_applied(ids.partition_of(name), ids.minute_of(name))
                    pipe.hget(place, f"{name}/{row}/{router_uid[-12:]}/{scale.key}")
                replies = await pipe.execute()
            for (name, row, scale), reply in zip(some, replies, strict=True):
                if reply:
                    # observed, millionths, digests of the reports' ids, id of the one that holds
                    found[name, row][scale.name] = scale.value(int(reply.split(b" ", 2)[1]))
        return found
