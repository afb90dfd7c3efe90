"""What came of a router's predictions by the time that they were made at: rewards and labels, counted once.

The script that applies a reward counts it here too, so corrections replace, and the order of arrival does not
matter. Each hash is one bucket of time; its fields count and sum by cell.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from turnout.router.v1.router_pb2 import Router

from services.state import formats, ids, metric_keys
from services.state.buckets import Bucket
from services.state.failures import MappedRedis

DEFAULT_METRIC = "accuracy"
OTHER = "OTHER"
# Values of a segment that are told apart, unless the router says otherwise.
SEGMENT_VALUES = 20
# Buckets per round trip: bounds a reply to a few megabytes.
AT_ONCE = 400

# A reward in one of the router's metrics; a label that was compared with the answer; a truth that was not.
REWARD, LABEL, TRUTH = "reward", "label", "truth"
MORE, LESS = "+", "-"


class Cell(NamedTuple):
    """What is counted together. metric, low, high: of a reward, its metric and the range whose shares are
    summed. variant: what was chosen. segment: name=value; empty for what counts each prediction once."""

    kind: str
    metric: str = ""
    low: float = 0.0
    high: float = 1.0
    variant: str = ""
    policy: str = ""
    segment: str = ""

    @property
    def field(self) -> str:
        """Its name in a hash.

        >>> Cell.parse(Cell("label", variant="a").field).variant
        'a'
        """
        return json.dumps(self, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def parse(cls, field: str) -> "Cell":
        """The cell of that name."""
        return cls(*json.loads(field))

    def elsewhere(self) -> "Cell":
        """The cell that takes in what has no room among the others."""
        name = self.segment.partition("=")[0]
        return self._replace(variant=OTHER, policy=OTHER, segment=name and f"{name}={OTHER}")


class Counted(NamedTuple):
    """Where a report is counted by time: the uid of the router, the cell, and the segments, as name=value,
    that count it once more each. watched: whether detectors of drift look at it too, MORE or LESS being what
    is wanted; empty where they do not."""

    router_uid: str
    cell: Cell
    segments: tuple[str, ...] = ()
    watched: str = ""

    @property
    def cells(self) -> Sequence[Cell]:
        """Every cell that counts it."""
        return [self.cell, *(self.cell._replace(segment=one) for one in self.segments)]

    def noted(self, now: float, minute: int, about: str) -> str:
        """What a minute with rewards is noted as for detectors, behind the time in ms; empty where none look.

        >>> Counted("0197", Cell(REWARD), watched=LESS).noted(1.75e9, 29_166_666, "/0197/latency")
        '1750000000000 29166666-/0197/latency'
        """
        return f"{int(now * 1000)} {minute}{self.watched}{about}" if self.watched else ""


class Sum(NamedTuple):
    """How many, and their sum in millionths of the range."""

    n: int
    units: int


@dataclass(frozen=True, slots=True)
class OutcomeStore:
    """Reads outcomes. Raises StateUnavailable if Redis is, and NewerFormat."""

    redis: MappedRedis

    async def read(self, router_uid: str, buckets: Iterable[Bucket]) -> dict[Bucket, dict[Cell, Sum]]:
        """Those of the buckets that hold anything."""
        wanted, partition = list(buckets), ids.partition_for(router_uid)
        found: dict[Bucket, dict[Cell, Sum]] = {}
        for begin in range(0, len(wanted), AT_ONCE):
            some = wanted[begin : begin + AT_ONCE]
            async with self.redis.pipeline() as pipe:
                for bucket in some:
                    pipe.hgetall(metric_keys.outcomes(partition, router_uid, bucket.name))
                replies = await pipe.execute()
            found |= {bucket: _sums(fields) for bucket, fields in zip(some, replies, strict=True) if fields}
        return found


def reward_metric(router: Router) -> str:
    """The metric that rewards of a router speak of."""
    return router.bandit.reward_metric or router.experiment.primary_metric or DEFAULT_METRIC


def _sums(fields: Mapping[bytes, bytes]) -> dict[Cell, Sum]:
    stored = {key.decode(): int(value) for key, value in fields.items()}
    formats.check("outcome", stored.pop("format", 0), formats.OUTCOMES)
    cells = [key.removeprefix("n:") for key in stored if key.startswith("n:")]
    return {Cell.parse(cell): Sum(stored[f"n:{cell}"], stored[f"sum:{cell}"]) for cell in cells}
