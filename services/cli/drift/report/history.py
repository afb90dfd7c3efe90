"""How it came to this: results of before that can be laid beside this one."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from turnout.drift.v1.result_pb2 import DriftResult

from services.cli.drift.report import lines, words
from services.cli.drift.report.lines import Event, Level, Point
from services.cli.drift.report.markup import Html, fill
from services.cli.drift.statuses import status
from services.cli.numbers import at, given, id_of, moment, score

# Where the bands of PSI begin.
LEVELS = (Level(0.1, "warning"), Level(0.2, "alert"))
_TREND = """
<section><h2>Over time</h2>
<figure>$chart<figcaption>Overall score of $count analyses, by the end of their windows (UTC).
<span class="quiet">$caveat</span></figcaption></figure></section>
"""


def comparable(result: DriftResult, others: Iterable[DriftResult]) -> list[DriftResult]:
    """The result and those before it of the same traffic and the same kind of reference, oldest first."""
    mine = (result.segment.name, result.segment.value, result.reference_model)
    kept = {
        one.name: one
        for one in (*others, result)
        if (one.segment.name, one.segment.value, one.reference_model) == mine
        and at(one.create_time) <= at(result.create_time)
    }
    return sorted(kept.values(), key=lambda one: (at(one.end_time), at(one.create_time), one.name))


def section(past: Sequence[DriftResult]) -> Html:
    """The overall score over time; empty where there is nothing to compare with."""
    points = [_point(one) for one in past if one.HasField("overall_score")]
    events = [
        Event(at(later.end_time), f"baseline {id_of(later.baseline)}")
        for earlier, later in pairwise(past)
        if later.baseline != earlier.baseline
    ]
    chart = lines.chart("Overall drift score over time, with the bands of PSI", points, LEVELS, events)
    if not chart:
        return Html("")
    caveat = "Windows may be of different lengths." if len({_length(one) for one in past}) > 1 else ""
    return fill(_TREND, chart=chart, count=len(points), caveat=caveat)


def _point(one: DriftResult) -> Point:
    title = f"{moment(one.end_time)}: {score(one.overall_score)}, {status(one.status)}. {one.summary}"
    return Point(at(one.end_time), one.overall_score, words.kind(one.status), title)


def by_feature(past: Sequence[DriftResult]) -> Mapping[str, Sequence[float | None]]:
    """PSI of each feature over time; None where an analysis did not have it."""
    known = [{one.feature: given(one, "psi") for one in result.features} for result in past]
    names = {name for result in known for name in result}
    return {name: [result.get(name) for result in known] for name in names}


def _length(one: DriftResult) -> int:
    return round((at(one.end_time) - at(one.start_time)).total_seconds() / 60)
