"""The top of a report: the verdict in a sentence, what it rests on, and what to be careful about."""

from collections.abc import Iterator

from turnout.drift.v1 import result_pb2 as drift
from turnout.drift.v1.result_pb2 import DriftResult

from services.cli.drift.report.badges import badge
from services.cli.drift.report.markup import Html, fill, joined
from services.cli.numbers import at, given, id_of, moment, number, plural, score, span

_TOP = """
<header class="$kind">
<p class="eyebrow">Drift report <span aria-hidden="true">·</span> <bdi>$model</bdi></p>
<h1>$badge <span>$verdict</span></h1>
<dl class="facts">$facts</dl>
$warnings
</header>
"""
_FACT = "<div><dt>$name</dt><dd>$value</dd></div>"
_WARNINGS = '<section class="callout"><h2>$title</h2><ul>$items</ul></section>'
CORRECTIONS = {
    drift.CORRECTION_BONFERRONI: "Bonferroni",
    drift.CORRECTION_BENJAMINI_HOCHBERG: "Benjamini-Hochberg",
}


def top(result: DriftResult, kind: str) -> Html:
    """The verdict, the facts and the warnings."""
    return fill(
        _TOP,
        kind=kind,
        model=result.model,
        badge=badge(result.status),
        verdict=result.summary,
        facts=joined(fill(_FACT, name=name, value=value) for name, value in _facts(result)),
        warnings=_warnings(result),
    )


def _facts(result: DriftResult) -> Iterator[tuple[str, str]]:
    reference = result.reference_model or result.reference or result.baseline
    compared = reference if result.reference_model else id_of(reference)
    yield "compared with", f"{compared}, {plural(result.baseline_rows, 'row')}"
    if result.HasField("segment"):
        yield "segment", f"{result.segment.name} = {result.segment.value}"
    yield "window (UTC)", _window(result)
    yield "rows", f"{result.rows:,}"
    yield "overall score", score(given(result, "overall_score"))
    drifting = sum(
        one.status in (drift.DRIFT_STATUS_WARNING, drift.DRIFT_STATUS_ALERT) for one in result.features
    )
    yield "drifting", f"{drifting} of {len(result.features)}"
    if result.HasField("settings"):
        level = given(result.settings, "significance")
        corrected = CORRECTIONS.get(result.settings.correction)
        if corrected and level is not None:
            yield "significance", f"{number(level)}, {corrected}"
    yield "analysed (UTC)", moment(result.create_time)


def _window(result: DriftResult) -> str:
    """From when to when, and how long; the day once where it is one."""
    start, end = at(result.start_time), at(result.end_time)
    until = end.strftime("%H:%M") if start.date() == end.date() else moment(result.end_time)
    return f"{moment(result.start_time)} to {until}, {span((end - start).total_seconds())}"


def _warnings(result: DriftResult) -> Html:
    told = list(result.warnings)
    if result.incomplete and not told:
        told.append("Logged predictions of the window were lost: the verdict is about those that arrived.")
    if result.caveat:
        told.append(result.caveat)
    if not told:
        return Html("")
    title = "This is not the whole picture" if result.incomplete else "Worth knowing"
    return fill(_WARNINGS, title=title, items=joined(fill("<li>$line</li>", line=line) for line in told))
