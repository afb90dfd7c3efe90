"""All features in one table, most shifted first; it can be sorted and filtered where scripts run."""

from collections.abc import Mapping, Sequence

from turnout.drift.v1.result_pb2 import FeatureDrift

from services.cli.drift.report import bars, lines, words
from services.cli.drift.report.badges import badge, role
from services.cli.drift.report.markup import Html, fill, joined
from services.cli.numbers import given, p_value, percent, score

_TABLE = """
<div class="scroll"><table class="overview">
<thead><tr><th scope="col" data-sort="number">#</th><th scope="col" data-sort="text">column</th>
<th scope="col" data-sort="number">status</th><th scope="col" class="number" data-sort="number">PSI</th>
<th scope="col" class="number" data-sort="number">p</th>
<th scope="col">window <span class="quiet">over baseline</span></th>
<th scope="col">PSI over time</th><th scope="col" class="number" data-sort="number">missing</th>
<th scope="col" class="number" data-sort="number">outside</th></tr></thead>
<tbody>$rows</tbody></table></div>
"""
_ROW = """<tr data-status="$kind"><td data-value="$rank">$rank</td><th scope="row">$link$role</th>
<td data-value="$severity">$badge</td><td class="number" data-value="$psi_value">$psi</td>
<td class="number" data-value="$p_value">$p</td><td>$shape</td><td>$trend</td>
<td class="number$missing_news" data-value="$missing_value">$missing</td>
<td class="number$outside_news" data-value="$outside_value">$outside</td></tr>
"""
SEVERITY = {"alert": 3, "warning": 2, "few": 1, "ok": 0}
NEWS = " news"


def table(
    features: Sequence[FeatureDrift],
    trends: Mapping[str, Sequence[float | None]],
    anchors: Mapping[str, str],
) -> Html:
    """A row per feature. `trends` are its PSI over time; `anchors` the places of those that are shown in
    full."""
    rows = joined(
        _row(rank, one, trends.get(one.feature, ()), anchors.get(one.feature))
        for rank, one in enumerate(features, start=1)
    )
    return fill(_TABLE, rows=rows)


def _row(rank: int, one: FeatureDrift, trend: Sequence[float | None], anchor: str | None) -> Html:
    kind, psi, p = words.kind(one.status), given(one, "psi"), given(one, "adjusted_p_value")
    name = fill("<bdi>$name</bdi>", name=one.feature)
    return fill(
        _ROW,
        rank=rank,
        kind=kind,
        link=fill('<a href="#$anchor">$name</a>', anchor=anchor, name=name) if anchor else name,
        role=role(one),
        severity=SEVERITY[kind],
        badge=badge(one.status),
        psi_value=-1 if psi is None else psi,
        psi=score(psi),
        p_value=2 if p is None else p,
        p=p_value(p),
        shape=bars.small(one.bins),
        trend=lines.small(trend, 0.25),
        missing_news=NEWS if one.missingness_changed else "",
        missing_value=one.missing_share,
        missing=percent(one.missing_share),
        outside_news=NEWS if one.out_of_range_changed or one.unseen_categories else "",
        outside_value=one.out_of_range_share,
        outside=percent(one.out_of_range_share),
    )
