"""One feature in full: its picture, its numbers and what they mean."""

import math
from collections.abc import Sequence

from turnout.drift.v1.result_pb2 import DriftBin, FeatureDrift
from turnout.router.v1.model_pb2 import FEATURE_KIND_NUMERIC

from services.cli.drift.report import bars, words
from services.cli.drift.report.badges import badge, role
from services.cli.drift.report.markup import Html, fill, joined
from services.cli.numbers import number, percent, plural

_FEATURE = """
<details class="feature" id="$id"$open>
<summary><h3><bdi>$name</bdi></h3>$role $badge <span class="why">$why</span></summary>
<div class="columns">
<div>
<figure>$picture<figcaption>$caption</figcaption></figure>
<ul class="checks">$checks</ul>
$bins
</div>
<table class="statistics">
<thead><tr><th scope="col">statistic, and what it says</th>
<th scope="col" class="number">value</th></tr></thead>
<tbody>$readings</tbody></table>
</div>
</details>
"""
_READING = '<tr><th scope="row">$name <small>$meaning</small></th><td class="number">$value</td></tr>'
_CHECK = '<li class="$news"><b>$name</b> $found</li>'
_BINS = """<details class="bins"><summary>The picture's numbers</summary>
<div class="scroll"><table><thead><tr><th scope="col">bin</th><th scope="col" class="number">baseline</th>
<th scope="col" class="number">window</th><th scope="col" class="number">change, points</th>
<th scope="col" class="number">part of the PSI</th></tr></thead>
<tbody>$rows</tbody></table></div></details>"""
_BIN = (
    '<tr><th scope="row"><bdi>$label</bdi></th><td class="number">$before</td><td class="number">$after</td>'
    '<td class="number">$change</td><td class="number">$part</td></tr>'
)
_NOTHING = Html('<p class="quiet">There is nothing to draw.</p>')
LEGEND = Html('<span class="key base"></span> baseline <span class="key now"></span> window')


def details(one: FeatureDrift, anchor: str, *, unfolded: bool) -> Html:
    """A feature that can be folded, which works without a script."""
    numeric = one.kind == FEATURE_KIND_NUMERIC
    counted = f" · {plural(one.baseline_rows, 'row')} and {plural(one.rows, 'row')} had it"
    return fill(
        _FEATURE,
        id=anchor,
        open=Html(" open" if unfolded else ""),
        name=one.feature,
        role=role(one),
        badge=badge(one.status),
        why=words.sentence(one),
        picture=bars.picture(one.feature, one.bins, numeric=numeric) if one.bins else _NOTHING,
        caption=joined([LEGEND, fill("$counted", counted=counted)]),
        readings=joined(fill(_READING, **reading._asdict()) for reading in words.readings(one)),
        checks=joined(
            fill(_CHECK, name=check.name, found=check.found, news="news" if check.news else "quiet")
            for check in words.checks(one)
        ),
        bins=_bins(one.bins) if one.bins else "",
    )


def _bins(bins: Sequence[DriftBin]) -> Html:
    return fill(_BINS, rows=joined(map(_bin, bins)))


def _bin(part: DriftBin) -> Html:
    before, after = part.baseline_share, part.current_share
    return fill(
        _BIN,
        label=part.label,
        before=percent(before),
        after=percent(after),
        change=f"{(after - before) * 100:+.1f}",
        # Of an empty bin the server counts half a row, which is not to be had from shares.
        part=number((after - before) * math.log(after / before))
        if before > 0 and after > 0
        else "an empty bin",
    )
