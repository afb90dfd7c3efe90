"""Whether the model is right as often as it was: what its inputs alone cannot show."""

import math
from collections.abc import Sequence

from turnout.drift.v1.concept_pb2 import ConceptSignal
from turnout.drift.v1.performance_pb2 import GetPerformanceHistoryResponse, PerformancePoint
from turnout.drift.v1.result_pb2 import DriftResult

from services.cli.drift.figures import Figure, shown, value
from services.cli.drift.report import lines
from services.cli.drift.report.lines import Point
from services.cli.drift.report.markup import Html, fill, joined
from services.cli.numbers import at, moment, number, percent

# A page of a report is no archive: the command has them all.
MOST_POINTS = 31
_SECTION = "<section><h2>Does it still get it right?</h2><p>$verdict</p>$figure$signals$points</section>"
_FIGURE = """
<figure>$chart<figcaption>Of the labelled predictions: $name (UTC), with intervals.</figcaption></figure>
"""
_SIGNALS = """
<div class="scroll"><table><thead><tr><th scope="col">detector</th><th scope="col">watches</th>
<th scope="col" class="number">rows</th><th scope="col" class="number">alarms</th>
<th scope="col">last alarm (UTC)</th></tr></thead>
<tbody>$rows</tbody></table></div>
"""
_SIGNAL = (
    '<tr class="$kind"><th scope="row">$detector</th><td>$metric</td><td class="number">$rows</td>'
    '<td class="number">$alarms</td><td>$time</td></tr>'
)
_POINTS = """
<details class="bins"><summary>The picture's numbers</summary><div class="scroll"><table>
<thead><tr><th scope="col">from (UTC)</th><th scope="col" class="number">predictions</th>
<th scope="col" class="number">labelled</th>$names</tr></thead><tbody>$rows</tbody></table></div></details>
"""
_NAME = '<th scope="col" class="number">$name</th>'
_CELL = '<td class="number">$value</td>'
_ROW = '<tr><th scope="row">$time</th>$cells</tr>'


def section(result: DriftResult, history: GetPerformanceHistoryResponse | None) -> Html:
    """What labels and detectors say; empty where there is neither."""
    points = list(history.points)[-MOST_POINTS:] if history else []
    figures = shown(points)
    signals = result.concept.signals or (history.concept.signals if history else [])
    if not (signals or figures):
        return Html("")
    return fill(
        _SECTION,
        verdict=_verdict(signals),
        figure=_figure(figures[0], points) if figures else "",
        signals=fill(_SIGNALS, rows=joined(map(_signal, signals))) if signals else "",
        points=_points(figures, points) if figures else "",
    )


def _verdict(signals: Sequence[ConceptSignal]) -> str:
    loud = sorted({one.metric for one in signals if one.alarms})
    if loud:
        return f"The relation of inputs to truth, or to rewards, has changed: alarms on {', '.join(loud)}."
    return (
        "No detector has raised an alarm." if signals else "No detector watches; this is what the labels say."
    )


def _signal(one: ConceptSignal) -> Html:
    return fill(
        _SIGNAL,
        kind="news" if one.alarms else "quiet",
        detector=one.detector.replace("_", "-"),
        metric=f"{one.metric} in {one.router}" if one.router else one.metric,
        rows=f"{one.rows:,}",
        alarms=one.alarms,
        time=moment(one.alarm_time) if one.HasField("alarm_time") else "never",
    )


def _figure(figure: Figure, points: Sequence[PerformancePoint]) -> Html:
    drawn = [one for point in points for one in _at(point, figure)]
    least = min((one.value if one.low is None else one.low for one in drawn), default=0.0)
    # What is right nine times in ten would lie on its ceiling; the axis says where it begins.
    bottom = math.floor(least * 10) / 10 if 0.3 <= least < 1 else 0.0
    chart = lines.chart(f"{figure.name} over time", drawn, (), bottom=bottom)
    return fill(_FIGURE, chart=chart, name=figure.name) if chart else Html("")


def _at(point: PerformancePoint, figure: Figure) -> list[Point]:
    known, estimate = value(point, figure), figure.read(point)
    if known is None:
        return []
    low = estimate.low if estimate.HasField("low") else None
    high = estimate.high if estimate.HasField("high") else None
    said = f"{moment(point.start_time)}: {figure.name} {number(known)}, {point.labelled:,} labels"
    return [Point(at(point.start_time), known, "point", said, low, high)]


def _points(figures: Sequence[Figure], points: Sequence[PerformancePoint]) -> Html:
    names = joined(fill(_NAME, name=one.name) for one in figures)
    return fill(_POINTS, names=names, rows=joined(_row(point, figures) for point in points))


def _row(point: PerformancePoint, figures: Sequence[Figure]) -> Html:
    words = [f"{point.predictions:,}", percent(point.coverage) if point.predictions else "–"]
    words += [number(value(point, one)) for one in figures]
    return fill(_ROW, time=moment(point.start_time), cells=joined(fill(_CELL, value=one) for one in words))
