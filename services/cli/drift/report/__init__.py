"""A drift result as one page of HTML: it needs no network, no script and no colour to be read."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from turnout.drift.v1.feature_role_pb2 import FEATURE_ROLE_UNSPECIFIED
from turnout.drift.v1.performance_pb2 import GetPerformanceHistoryResponse
from turnout.drift.v1.result_pb2 import DRIFT_STATUS_OK, DriftResult, FeatureDrift

from services.cli.drift.report import concept, features, heading, history, overview, words
from services.cli.drift.report.markup import Html, fill, joined
from services.cli.numbers import plural

# A page of ten thousand pictures opens in no browser; what is left out is said.
MOST_ROWS = 2000
MOST_PICTURES = 300
# More unfolded than this and nobody finds the second one.
MOST_UNFOLDED = 12

Trends = Mapping[str, Sequence[float | None]]

_PART = "<section><h2>$title</h2>$left$table$details</section>"


@dataclass(frozen=True, slots=True)
class Report:
    """What a report tells of: a result, others of its model from before (in any order), what labels say of
    the model, and the moment at which it is written, in UTC."""

    result: DriftResult
    time: datetime
    before: Sequence[DriftResult] = ()
    performance: GetPerformanceHistoryResponse | None = None


def render(report: Report) -> str:
    """The page."""
    result, style, script = report.result, _text("style.css"), _text("script.js")
    past = history.comparable(result, report.before)
    outputs = [one for one in result.features if one.role != FEATURE_ROLE_UNSPECIFIED]
    inputs = [one for one in result.features if one.role == FEATURE_ROLE_UNSPECIFIED]
    trends = history.by_feature(past)
    columns = [
        _columns("What it answers", outputs, trends, "o"),
        _columns("What it is given", inputs, trends, "f"),
    ]
    return fill(
        _text("page.html"),
        title=f"Drift of {result.model}",
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        style=Html(style),
        script=Html(script),
        top=heading.top(result, words.kind(result.status)),
        story=joined([history.section(past), concept.section(result, report.performance)]),
        columns=joined(columns),
        name=result.name,
        time=report.time.strftime("%Y-%m-%d %H:%M"),
    )


def _columns(title: str, columns: Sequence[FeatureDrift], trends: Trends, letter: str) -> Html:
    """A table of columns, and each of them in full below it; empty where there is none."""
    if not columns:
        return Html("")
    anchors = {one.feature: f"{letter}{index}" for index, one in enumerate(columns[:MOST_PICTURES], start=1)}
    drifting = sum(one.status != DRIFT_STATUS_OK for one in columns)
    unfolded = min(max(drifting, 1), MOST_UNFOLDED)
    pictures = (
        features.details(one, anchors[one.feature], unfolded=index < unfolded)
        for index, one in enumerate(columns[:MOST_PICTURES])
    )
    return fill(
        _PART,
        title=title,
        left=_left_out(len(columns)),
        table=overview.table(columns[:MOST_ROWS], trends, anchors),
        details=joined(pictures),
    )


def _left_out(count: int) -> Html:
    """What of so many columns the page does not show."""
    if count <= MOST_PICTURES:
        return Html("")
    said = f"Of {plural(count, 'column')} the first {MOST_PICTURES} are shown in full"
    said += f", and the first {MOST_ROWS:,} in the table." if count > MOST_ROWS else "."
    return fill('<p class="quiet">$said The result has them all.</p>', said=said)


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names what it lets pass."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
