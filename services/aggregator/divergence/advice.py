"""What the numbers advise, in sentences that say which numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.router.v1.model_pb2 import Model

from services.aggregator.divergence.intervals import Interval, at_most, paired
from services.aggregator.divergence.tally import OfAll, OfMember, OfPair, Tally
from services.state.panel_truths import ONLY_MEMBER, ONLY_VERDICT, RIGHT, RightCounts

# A member that changes 5 % of verdicts is silent in 59 panels once in twenty times.
RARELY = 0.05
# Two points of accuracy: what most would not pay several calls for.
LITTLE = 0.02
# Of so few, shares are within ten points.
ENOUGH = 100
ALMOST_ALWAYS = 0.9
# A timeout into which the slowest call in a hundred fits so many times protects nobody; below a second it is
# tight all the same.
SLACK, SLACK_SECONDS = 10, 1.0
SAVING = 0.9


class Facts(NamedTuple):
    """What is known of a router's panels. By variant: models as registered, the seconds that each may take,
    and what feedback publishes."""

    tally: Tally
    rights: RightCounts
    models: Mapping[str, Model]
    seconds: Mapping[str, float]
    measured: Mapping[str, ModelMetrics]


def on_divergence(facts: Facts) -> list[str]:
    """What to do about a panel."""
    return [
        *_alike(facts),
        *_silent(facts.tally),
        *_matched(facts.rights),
        *_walks(facts.tally),
        *_slack(facts),
    ]


def on_efficiency(facts: Facts) -> list[str]:
    """What to do about its cost."""
    return [*_cheaper(facts.tally), *_matched(facts.rights), *_walks(facts.tally)]


def percent(share: float) -> str:
    """A share as people read it.

    >>> percent(0.0312), percent(1.0), percent(0.0)
    ('3.12 %', '100 %', '0 %')
    """
    return f"{100 * share:.3g} %"


def best_member(rights: RightCounts) -> tuple[str, Interval] | None:
    """The member that was right most often, of those that answered nearly every row with truth, and how much
    more often the verdict was right on the rows that it answered. The best of several looks better than it
    is, so the interval is one that holds for all of them at once."""
    answered = {name: rows for (kind, name), rows in rights.members.items() if kind == "answered"}
    steady = {name: rows for name, rows in answered.items() if rows >= 0.9 * rights.rows > 0}
    if not steady:
        return None
    best = max(steady, key=lambda name: (rights.of(RIGHT, name) / steady[name], name))
    only_verdict, only_member = rights.of(ONLY_VERDICT, best), rights.of(ONLY_MEMBER, best)
    return best, paired(steady[best], only_verdict, only_member, of=len(steady))


def _alike(facts: Facts) -> Iterator[str]:
    names = facts.tally.names
    known = [facts.models[name] for name in names if name in facts.models]
    if len(names) < 2 or len(known) < len(names):
        return
    rows, differing = facts.tally.pairs[[OfPair.ROWS, OfPair.DIFFERING]].sum(axis=(1, 2)) / 2
    told = f", and differ on {percent(differing / rows)} of {rows:.0f} rows, pair by pair" if rows else ""
    for kind, values in (
        ("family", [model.family for model in known]),
        ("provider", [model.provider for model in known]),
    ):
        if len({value.casefold() for value in values}) == 1 and values[0]:
            one = f"All {len(names)} members are of one {kind}, {values[0]}{told}"
            yield f"{one}: they tend to be wrong together."
            # Of one family they are mostly of one provider too; that needs no saying.
            return


def _silent(tally: Tally) -> Iterator[str]:
    weighed, pivotal = tally.members[[OfMember.WEIGHED, OfMember.PIVOTAL]]
    for name, panels, changed in zip(tally.names, weighed, pivotal, strict=True):
        if panels and not changed and len(tally.names) > 1 and (bound := at_most(int(panels))) <= RARELY:
            yield (
                f"{name} never changed a verdict in {panels:.0f} sampled panels (in at most {percent(bound)} "
                "of panels, with 95 % confidence): the answers were the same without it."
            )


def _matched(rights: RightCounts) -> Iterator[str]:
    found = best_member(rights)
    if found is None or rights.rows < ENOUGH:
        return
    best, more = found
    if more.high > LITTLE:
        return
    told = (
        f"the verdict is right in {percent(rights.verdict_right / rights.rows)} of {rights.rows} rows with "
        f"truth, {_points(more.estimate)} points against {best} alone (paired 95 % interval "
        f"{_points(more.low)} to {_points(more.high)})"
    )
    end = "it is worse than its best member" if more.high < 0 else "one model would do nearly as well"
    yield f"Kitchen sink: {told}: {end}."


def _walks(tally: Tally) -> Iterator[str]:
    walks, through = tally.whole[OfAll.WALKS], tally.whole[OfAll.WALKED_THROUGH]
    if walks >= ENOUGH and through / walks >= ALMOST_ALWAYS:
        yield (
            f"{percent(through / walks)} of {walks:.0f} predictions came down to the last member: those "
            "before it cost time and money and hardly ever answer. Ask less of them, or ask the last one "
            "at once."
        )


def _slack(facts: Facts) -> Iterator[str]:
    found = []
    for name in facts.models:
        measured, allowed = facts.measured.get(name), facts.seconds.get(name, 0.0)
        if measured is None or measured.requests < ENOUGH or not measured.HasField("latency_p99_ms"):
            continue
        usual = measured.latency_p99_ms / 1e3
        if allowed >= max(SLACK * usual, SLACK_SECONDS):
            found.append(f"{name} may take {allowed:g} s and takes {usual:.3g} s")
    if found:
        yield (
            f"Slack timeouts, beside the 99th percentile of the last five minutes: {_some(found)}. One that "
            "hangs delays the answer that long; set a shorter member_timeout."
        )


def _cheaper(tally: Tally) -> Iterator[str]:
    whole, names = tally.whole, tally.names
    judged, priced = whole[OfAll.JUDGED], whole[OfAll.PRICED]
    if judged < ENOUGH or not whole[OfAll.COST]:
        return
    mean = whole[OfAll.COST] / priced
    found: list[tuple[float, str, float, float]] = []
    for place, name in enumerate(names):
        sums = tally.members[:, place]
        if len(names) < 2 or sums[OfMember.JUDGED] < 0.9 * judged or not sums[OfMember.PRICED]:
            continue
        same = 1 - sums[OfMember.DISSENTS] / sums[OfMember.JUDGED]
        cost = sums[OfMember.COST] / sums[OfMember.PRICED]
        if same >= SAVING and cost < mean:
            found.append((cost, name, same, sums[OfMember.JUDGED]))
    if found:
        cost, name, same, panels = min(found)
        yield (
            f"{name} alone gives the verdict in {percent(same)} of {panels:.0f} panels, at "
            f"{percent(cost / mean)} of their cost: let it answer first, and ask the others when it is not "
            "sure."
        )


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _some(told: Sequence[str]) -> str:
    return "; ".join(told[:5]) + ("; …" if len(told) > 5 else "")
