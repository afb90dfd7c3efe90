"""How right answers were, from sums to a row."""

from collections import Counter
from collections.abc import Collection, Iterable

from turnout.router.v1.router_service_pb2 import GetMetricsResponse, RouterMetrics

from services.router.reporting.query import VARIANT, Query
from services.state.agreements import Agreed, Agreements
from services.state.qualities import (
    ABSOLUTE,
    LOSS,
    LOST_LABELS,
    LOST_SUMS,
    NUMBERS,
    SCORED,
    SQUARED,
    Counted,
    Sums,
)


def fill(row: RouterMetrics, counts: Counter[str], positive: str, lost: Collection[str]) -> None:
    """Write what is known; of what found no room in a bucket nothing is said, as the rest is no sample."""
    sums = Sums(counts)
    told: dict[str, float | None] = {}
    if LOST_LABELS not in lost:
        told |= sums.confusion.quality(positive)._asdict()
    if LOST_SUMS not in lost:
        squares = sums.mean(SQUARED, NUMBERS)
        told["log_loss"], told["mae"] = sums.mean(LOSS, SCORED), sums.mean(ABSOLUTE, NUMBERS)
        told["rmse"] = None if squares is None else squares**0.5
    for name, value in told.items():
        if value is not None:
            setattr(row, name, value)


def agree(reply: GetMetricsResponse, query: Query, found: Agreements) -> None:
    """Write how often members of panels agreed: panels are counted by the hour, and by variant alone."""
    shares = [(reply.total, found.pairs.share)]
    if query.groups == {VARIANT}:
        shares += [(row, found.members.get(row.variant, Agreed()).share) for row in reply.rows]
    for row, share in shares:
        if share is not None:
            row.agreement = share


def lost_of(counted: Iterable[Counted]) -> frozenset[str]:
    """What found no room in any of the buckets."""
    return frozenset(name for one in counted for name in one.lost)


def missing(lost: Collection[str]) -> Iterable[str]:
    """What is said of it."""
    if lost:
        yield (
            "There were too many labels, variants and segments at once to count all: "
            + " and ".join(
                said
                for name, said in (
                    (LOST_LABELS, "precision, recall and F1"),
                    (LOST_SUMS, "log-loss and errors"),
                )
                if name in lost
            )
            + " are left out."
        )
