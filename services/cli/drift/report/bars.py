"""A distribution of now beside that of the baseline, as SVG: no colour is needed to tell them apart."""

from collections.abc import Sequence
from itertools import pairwise

from turnout.drift.v1.result_pb2 import DriftBin

from services.cli.drift.report.markup import Html, fill, joined
from services.cli.drift.report.scales import share, top
from services.cli.numbers import percent, short

WIDTH, HEIGHT = 640.0, 220.0
LEFT, RIGHT, ABOVE, BELOW = 42.0, 8.0, 10.0, 30.0
ROW, NAMES = 34.0, 190.0
LETTERS, NAME_LETTERS = 9, 28

_PICTURE = '<svg class="bars" viewBox="0 0 $width $height" role="img" aria-label="$label">$parts</svg>'
_BAR = '<rect class="$kind" x="$x" y="$y" width="$width" height="$height"><title>$title</title></rect>'
_SMALL = (
    '<svg class="small" viewBox="0 0 112 28" aria-hidden="true"><path class="now" d="$bars"/>'
    '<polyline class="outline" points="$outline"/></svg>'
)
_TEXT = '<text x="$x" y="$y" text-anchor="$anchor">$text</text>'
_LINE = '<line class="$kind" x1="$x1" y1="$y1" x2="$x2" y2="$y2"/>'


def picture(feature: str, bins: Sequence[DriftBin], *, numeric: bool) -> Html:
    """Shares by bin: upright bars over a number's bins, lying ones beside the names of categories."""
    parts, height = (_upright(bins), HEIGHT) if numeric else (_lying(bins), ROW * len(bins) + BELOW)
    label = (
        f"Shares of {feature} in {len(bins)} bins, baseline against window; the table below has the numbers"
    )
    return fill(_PICTURE, width=_px(WIDTH), height=_px(height), label=label, parts=joined(parts))


def _upright(bins: Sequence[DriftBin]) -> list[Html]:
    most = top((share(one) for part in bins for one in (part.baseline_share, part.current_share)), 0.05)
    floor, room = HEIGHT - BELOW, HEIGHT - BELOW - ABOVE
    wide = (WIDTH - LEFT - RIGHT) / max(len(bins), 1)
    drawn = list[Html]()
    for level in (0.0, most / 2, most):
        y = floor - room * level / most
        drawn.append(line("grid", LEFT, y, WIDTH - RIGHT, y))
        drawn.append(text(LEFT - 6, y + 4, percent(level), "end"))
    for index, part in enumerate(bins):
        left = LEFT + wide * index
        for kind, offset, value in (("base", 0.12, part.baseline_share), ("now", 0.5, part.current_share)):
            tall = room * share(value) / most
            drawn.append(_bar(kind, left + wide * offset, floor - tall, wide * 0.38, tall, _told(kind, part)))
    return drawn + _ticks(bins, wide, floor)


def _ticks(bins: Sequence[DriftBin], wide: float, floor: float) -> list[Html]:
    """Numbers where one bin ends and the next one begins; where they are not neighbours, each bin's label."""
    if len(bins) > 1 and all(
        left.HasField("upper") and left.upper == right.lower for left, right in pairwise(bins)
    ):
        return [
            text(LEFT + wide * (index + 1), floor + 18, short(part.upper), "middle")
            for index, part in enumerate(bins[:-1])
        ]
    return [
        text(LEFT + wide * (index + 0.5), floor + 18, _clipped(part.label, LETTERS), "middle")
        for index, part in enumerate(bins)
    ]


def _lying(bins: Sequence[DriftBin]) -> list[Html]:
    most = top((share(one) for part in bins for one in (part.baseline_share, part.current_share)), 0.05)
    room, floor = WIDTH - NAMES - 56, ROW * len(bins)
    drawn = list[Html]()
    for level in (0.0, most / 2, most):
        x = NAMES + room * level / most
        drawn.append(line("grid", x, 0, x, floor))
        drawn.append(text(x, floor + 18, percent(level), "middle"))
    for index, part in enumerate(bins):
        y = ROW * index
        drawn.append(text(NAMES - 8, y + ROW / 2 + 4, _clipped(part.label, NAME_LETTERS), "end"))
        for kind, offset, value in (("base", 4, part.baseline_share), ("now", 17, part.current_share)):
            long = room * share(value) / most
            drawn.append(_bar(kind, NAMES, y + offset, long, 12, _told(kind, part)))
    return drawn


def small(bins: Sequence[DriftBin]) -> Html:
    """The same as a thumbnail: bars of now, and the baseline as a line over them."""
    if not bins:
        return Html("")
    wide, tall = 112.0, 28.0
    most = max(0.01, *(share(one) for part in bins for one in (part.baseline_share, part.current_share)))
    step = wide / len(bins)
    drawn, path = list[str](), list[str]()
    for index, part in enumerate(bins):
        left, right = step * index, step * (index + 1)
        high = tall - (tall - 2) * share(part.current_share) / most
        drawn.append(f"M{_px(left + 0.5)},{_px(tall)}V{_px(high)}H{_px(right - 0.5)}V{_px(tall)}Z")
        y = _px(tall - (tall - 2) * share(part.baseline_share) / most)
        path.append(f"{_px(left)},{y} {_px(right)},{y}")
    return fill(_SMALL, bars=" ".join(drawn), outline=" ".join(path))


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Html:
    """A straight line."""
    return fill(_LINE, kind=kind, x1=_px(x1), y1=_px(y1), x2=_px(x2), y2=_px(y2))


def text(x: float, y: float, words: str, anchor: str) -> Html:
    """Words at a place."""
    return fill(_TEXT, x=_px(x), y=_px(y), text=words, anchor=anchor)


def _bar(kind: str, x: float, y: float, width: float, height: float, title: str) -> Html:
    places = {"x": x, "y": y, "width": width, "height": height}
    return fill(_BAR, kind=kind, title=title, **{name: _px(place) for name, place in places.items()})


def _told(kind: str, part: DriftBin) -> str:
    value, whose = (part.baseline_share, "baseline") if kind == "base" else (part.current_share, "window")
    return f"{part.label}: {percent(value)} of the {whose}"


def _clipped(words: str, letters: int) -> str:
    return words if len(words) <= letters else words[: letters - 1] + "…"


def _px(place: float) -> str:
    return f"{place:.1f}".removesuffix(".0")
