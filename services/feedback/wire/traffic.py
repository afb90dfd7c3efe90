"""What one logged prediction adds to the traffic of its router and to the calls of models."""

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import NamedTuple

from google.protobuf.duration_pb2 import Duration
from turnout.feedback.v1.traffic_pb2 import CallCounts, TrafficGroup
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.feedback.wire.records import at_fault
from services.state.latency import cell_of

SHADOW = manifest.PARTICIPANT_ROLE_SHADOW
ANSWERED = frozenset({manifest.OUTCOME_SERVED, manifest.OUTCOME_CONTRIBUTED, manifest.OUTCOME_DISCARDED})
# Longer than any deadline: what a broken clock says must not drown the sum of the others.
LONGEST_US = 86_400_000_000


class Facts(NamedTuple):
    """What a prediction adds to each bucket that it is in; latency in microseconds."""

    failed: bool
    rescued: bool
    latency: int
    cell: int
    tokens_in: int
    tokens_out: int
    costs: Sequence[tuple[str, float]]


def facts_of(event: PredictionEvent) -> Facts:
    """Read a logged prediction. Costs and tokens of shadows are not the prediction's own."""
    latency = microseconds(event.manifest.total_latency)
    tokens_in = tokens_out = 0
    costs = []
    for one in event.manifest.participants:
        if one.role == SHADOW:
            continue
        tokens_in += max(one.tokens_in, 0)
        tokens_out += max(one.tokens_out, 0)
        if one.HasField("cost") and (amount := known_cost(one)):
            costs.append((one.cost.currency, amount))
    cell = cell_of(latency / 1000)
    return Facts(bool(event.error_code), rescued(event), latency, cell, tokens_in, tokens_out, costs)


def add_prediction(group: TrafficGroup, facts: Facts) -> None:
    """Count a prediction. Fields that it does not change are not touched: each touch costs."""
    group.requests += 1
    group.latency_us += facts.latency
    group.latency_cells[facts.cell] += 1
    if facts.failed:
        group.errors += 1
    if facts.rescued:
        group.rescued += 1
    if facts.tokens_in or facts.tokens_out:
        group.tokens_in += facts.tokens_in
        group.tokens_out += facts.tokens_out
    for currency, amount in facts.costs:
        group.cost[currency] += amount


def rescued(event: PredictionEvent) -> bool:
    """Whether a variant was chosen and another one served."""
    chosen = event.manifest.decision.variant
    served = [one for one in event.manifest.participants if one.outcome == manifest.OUTCOME_SERVED]
    return bool(chosen and served) and all(one.variant != chosen for one in served)


def add_call(counts: CallCounts, one: manifest.Participant) -> None:
    """Count a call that `ended`."""
    counts.calls += 1
    if at_fault(one):
        counts.failures += 1
    else:
        counts.latency_cells[cell_of(microseconds(one.latency) / 1000)] += 1
    if one.HasField("cost") and isfinite(one.cost.amount):
        counts.cost[one.cost.currency] += one.cost.amount
        counts.priced[one.cost.currency] += 1


def ended(participants: Iterable[manifest.Participant]) -> list[manifest.Participant]:
    """Those that were answered or failed; a call that was cancelled, or a failure that is excused, says
    neither."""
    return [one for one in participants if one.outcome in ANSWERED or at_fault(one)]


def known_cost(one: manifest.Participant) -> float:
    """What a call cost in its currency; 0 where that is unknown or no number."""
    amount = one.cost.amount
    return amount if isfinite(amount) else 0.0


def microseconds(latency: Duration) -> int:
    """A latency, within what one can be."""
    return min(max(latency.seconds * 1_000_000 + latency.nanos // 1000, 0), LONGEST_US)
