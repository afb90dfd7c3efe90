"""The checks of an ensemble: who takes part, how answers are combined, and what is not available yet."""

from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.router_pb2 import Router, Variant
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from services.router.config.defaults import weight_of
from services.router.config.problems import Problems
from services.router.config.spans import check_span

AGGREGATIONS = {
    strategy.AGGREGATION_METHOD_VOTE: "vote",
    strategy.AGGREGATION_METHOD_AVERAGE: "average",
    strategy.AGGREGATION_METHOD_WEIGHTED_AVERAGE: "weighted_average",
    strategy.AGGREGATION_METHOD_MAX_CONFIDENCE: "max_confidence",
}
WEIGHING = (strategy.AGGREGATION_METHOD_VOTE, strategy.AGGREGATION_METHOD_WEIGHTED_AVERAGE)
UNAVAILABLE = ("full_panel_fraction", "max_cost", "samples_per_member", "sampling")
# Seconds that a member may be given, on top of which its model's own timeout holds.
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 0.001, 3600.0


def check(router: Router, problems: Problems) -> None:
    """Everything about router.ensemble."""
    check_panel(router.ensemble, "router.ensemble", router, problems)


def check_panel(ensemble: EnsembleStrategy, field: str, router: Router, problems: Problems) -> None:
    """Everything about an ensemble at `field`, the router's own or a policy's."""
    _aggregation(ensemble, field, problems)
    _members(ensemble, field, router, problems)
    if ensemble.launch == strategy.LAUNCH_STAGED:
        problems.lacks(f"{field}.launch", "only LAUNCH_PARALLEL is available in this version")
    for part in UNAVAILABLE:
        if ensemble.HasField(part):  # type: ignore[arg-type,unused-ignore]
            problems.lacks(f"{field}.{part}", "not available in this version")
    if ensemble.HasField("member_timeout"):
        timeout = f"{field}.member_timeout"
        check_span(ensemble.member_timeout, timeout, SHORTEST_TIMEOUT, LONGEST_TIMEOUT, problems)


def _aggregation(ensemble: EnsembleStrategy, field: str, problems: Problems) -> None:
    number = ensemble.aggregation
    if number in AGGREGATIONS:
        return
    known = number in strategy.AggregationMethod.values()
    given = strategy.AggregationMethod.Name(number) if known else str(int(number))
    offered = f"one of {', '.join(AGGREGATIONS.values())}; got {given}"
    (problems.lacks if known else problems.add)(f"{field}.aggregation", offered)


def _members(ensemble: EnsembleStrategy, field: str, router: Router, problems: Problems) -> None:
    variants = {one.id: one for one in router.variants}
    named = list(dict.fromkeys(ensemble.members))
    if len(named) < len(ensemble.members):
        problems.add(f"{field}.members", "a member is named twice")
    for place, member in enumerate(ensemble.members):
        if member not in variants:
            said = f"{member[:100]!r} is no variant of this router"
            problems.add(f"{field}.members[{place}]", said)
    counted = [one for one in router.variants if one.enabled and (not named or one.id in named)]
    if not 1 <= ensemble.quorum <= len(counted):
        said = f"1 to {len(counted)}, the number of enabled members; got {ensemble.quorum}"
        problems.add(f"{field}.quorum", said)
    _weights(ensemble, counted, problems)


def _weights(ensemble: EnsembleStrategy, members: list[Variant], problems: Problems) -> None:
    if ensemble.aggregation in WEIGHING and members and not any(weight_of(one) > 0 for one in members):
        problems.add("router.variants", "at least one member of the ensemble needs a weight above 0")
