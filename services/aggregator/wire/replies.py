"""An aggregation as replies and manifests tell it."""

from collections.abc import Sequence

from turnout.aggregator.v1.aggregator_service_pb2 import AggregateResponse
from turnout.inference.v1.manifest_pb2 import Aggregation
from turnout.inference.v1.output_pb2 import Output

from services.aggregator.agreement import agreement, dispersion, dissenting
from services.aggregator.answers import Ballot, Verdict
from services.aggregator.wire.answers import write_answer


def write_aggregation(
    method: str, quorum: int, ballots: Sequence[Ballot], verdict: Verdict | None
) -> Aggregation:
    """How the answers became one; without a verdict only how many came. Agreement and divergence speak of
    the first row, tie and dissent of any."""
    told = Aggregation(method=method, quorum_wanted=quorum, quorum_met=len(ballots))
    if verdict is None:
        return told
    agreed, spread = agreement(ballots), dispersion(ballots)
    if agreed is not None:
        told.agreement = agreed[0]
    if spread is not None:
        told.divergence = spread[0]
    told.dissenting.extend(dissenting(ballots, verdict))
    told.tie = bool(verdict.tied.any())
    return told


def write_aggregate(
    method: str, outputs: Sequence[Output], ballots: Sequence[Ballot], verdict: Verdict
) -> AggregateResponse:
    """The reply to outputs that were handed in: all of them were wanted, and came."""
    return AggregateResponse(
        output=write_answer(verdict, outputs),
        aggregation=write_aggregation(method, len(ballots), ballots, verdict),
    )
