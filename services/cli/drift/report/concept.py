"""Whether the model errs more than it used to: what its inputs alone cannot show."""

from turnout.drift.v1.concept_pb2 import ConceptSignal
from turnout.drift.v1.result_pb2 import DriftResult

from services.cli.drift.numbers import moment
from services.cli.drift.report.markup import Html, fill, joined

_SECTION = """
<section><h2>Does it still get it right?</h2>
<p>$verdict</p>
<div class="scroll"><table><thead><tr><th scope="col">detector</th><th scope="col">watches</th>
<th scope="col" class="number">labels</th><th scope="col" class="number">alarms</th>
<th scope="col">last alarm (UTC)</th></tr></thead>
<tbody>$rows</tbody></table></div></section>
"""
_ROW = (
    '<tr class="$kind"><th scope="row">$detector</th><td>$metric</td><td class="number">$rows</td>'
    '<td class="number">$alarms</td><td>$time</td></tr>'
)


def section(result: DriftResult) -> Html:
    """What the detectors say; empty where nobody watches."""
    signals = result.concept.signals
    if not signals:
        return Html("")
    loud = sorted({one.metric for one in signals if one.alarms})
    verdict = "No detector has raised an alarm."
    if loud:
        verdict = f"The relation of inputs to truth has changed: alarms on {', '.join(loud)}."
    return fill(_SECTION, verdict=verdict, rows=joined(map(_row, signals)))


def _row(one: ConceptSignal) -> Html:
    return fill(
        _ROW,
        kind="news" if one.alarms else "quiet",
        detector=one.detector.replace("_", "-"),
        metric=one.metric,
        rows=f"{one.rows:,}",
        alarms=one.alarms,
        time=moment(one.alarm_time) if one.HasField("alarm_time") else "never",
    )
