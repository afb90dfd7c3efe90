"""What panels told, as replies."""

from collections.abc import Mapping, Sequence

from turnout.aggregator.v1.aggregator_service_pb2 import (
    DivergenceWindow,
    GetDivergenceResponse,
    GetRoutingEfficiencyResponse,
    MemberDivergence,
    MemberEfficiency,
    PairDivergence,
)
from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.inference.v1.manifest_pb2 import Cost

from services.aggregator.answers import Floats
from services.aggregator.divergence.reading import Hour, Panels
from services.aggregator.divergence.tally import OfAll, OfMember, OfPair, Tally
from services.state.panel_truths import ANSWERED, ONLY_MEMBER, ONLY_VERDICT, RIGHT, RightCounts


def write_divergence(
    panels: Panels, measured: Mapping[str, ModelMetrics], advice: Sequence[str]
) -> GetDivergenceResponse:
    """The reply; `measured` by variant. Shares of nothing are absent."""
    tally = panels.tally
    told = GetDivergenceResponse(panels=int(tally.whole[OfAll.PANELS]), advice=advice)
    names = sorted(tally.names)
    places = {name: place for place, name in enumerate(tally.names)}
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            sums = tally.pairs[:, places[first], places[second]]
            if sums[OfPair.PANELS]:
                told.pairs.append(_pair(first, second, sums))
    for name in names:
        told.members.append(_member(name, tally.members[:, places[name]], measured.get(name)))
    told.windows.extend(_window(hour) for hour in panels.hours)
    return told


def write_efficiency(
    tally: Tally, rights: RightCounts, advice: Sequence[str]
) -> GetRoutingEfficiencyResponse:
    """The reply. Unknown costs and shares of nothing are absent; members without a known cost come last."""
    whole = tally.whole
    told = GetRoutingEfficiencyResponse(panels=int(whole[OfAll.PANELS]), advice=advice)
    if whole[OfAll.PRICED]:
        told.mean_cost.CopyFrom(_cost(whole[OfAll.COST], whole[OfAll.PRICED], tally.currency))
    if whole[OfAll.JUDGED]:
        told.avoidable_share = whole[OfAll.AVOIDABLE] / whole[OfAll.JUDGED]
        told.mean_saving.CopyFrom(_cost(whole[OfAll.SAVING], whole[OfAll.JUDGED], tally.currency))
    if rights.priced:
        told.avoidable_right_share = rights.cheaper / rights.priced
    found = [
        _efficiency(name, tally.members[:, place], rights, tally.currency)
        for place, name in enumerate(tally.names)
    ]
    found.sort(key=lambda one: (not one.HasField("mean_cost"), one.mean_cost.amount, one.variant))
    told.members.extend(found)
    return told


def _pair(first: str, second: str, sums: Floats) -> PairDivergence:
    found = PairDivergence(first=first, second=second, panels=int(sums[OfPair.PANELS]))
    if sums[OfPair.ROWS]:
        found.disagreement = sums[OfPair.DIFFERING] / sums[OfPair.ROWS]
    if sums[OfPair.NUMBERS]:
        found.mean_difference = sums[OfPair.DIFFERENCE] / sums[OfPair.NUMBERS]
    if sums[OfPair.VECTORS]:
        found.mean_distance = sums[OfPair.DISTANCE] / sums[OfPair.VECTORS]
    return found


def _member(name: str, sums: Floats, measured: ModelMetrics | None) -> MemberDivergence:
    found = MemberDivergence(variant=name, panels=int(sums[OfMember.PANELS]))
    if sums[OfMember.JUDGED]:
        found.dissent = sums[OfMember.DISSENTS] / sums[OfMember.JUDGED]
    if sums[OfMember.WEIGHED]:
        found.pivotal = sums[OfMember.PIVOTAL] / sums[OfMember.WEIGHED]
    if measured is not None and measured.HasField("accuracy"):
        found.accuracy = measured.accuracy
    return found


def _window(hour: Hour) -> DivergenceWindow:
    found = DivergenceWindow(panels=hour.panels)
    found.start_time.FromSeconds(hour.start)
    if hour.rows:
        found.disagreement = hour.differing / hour.rows
    return found


def _efficiency(name: str, sums: Floats, rights: RightCounts, currency: str) -> MemberEfficiency:
    found = MemberEfficiency(variant=name, panels=int(sums[OfMember.PANELS]))
    if sums[OfMember.PRICED]:
        found.mean_cost.CopyFrom(_cost(sums[OfMember.COST], sums[OfMember.PRICED], currency))
    if sums[OfMember.JUDGED]:
        found.same_answer = 1 - sums[OfMember.DISSENTS] / sums[OfMember.JUDGED]
    if labelled := rights.of(ANSWERED, name):
        found.labelled = labelled
        right = rights.of(RIGHT, name)
        found.right = right / labelled
        found.verdict_right = (
            right + rights.of(ONLY_VERDICT, name) - rights.of(ONLY_MEMBER, name)
        ) / labelled
    return found


def _cost(total: float, count: float, currency: str) -> Cost:
    return Cost(amount=total / count, currency=currency)
