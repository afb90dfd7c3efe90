"""How a number went over time, as SVG."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from services.cli.drift.report.bars import line, text
from services.cli.drift.report.markup import Html, fill, joined
from services.cli.drift.report.scales import top
from services.cli.numbers import number

WIDTH, HEIGHT = 960.0, 220.0
LEFT, RIGHT, ABOVE, BELOW = 46.0, 16.0, 14.0, 28.0
FLOOR = HEIGHT - BELOW
# Marks differ in shape as well as in colour; each is drawn around its own middle.
MARKS = {
    "ok": "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z",
    "warning": "M0,-5L5,4L-5,4Z",
    "alert": "M-4.5,-4.5H4.5V4.5H-4.5Z",
    "few": "M0,-5L5,0L0,5L-5,0Z",
    "point": "M-3,0a3,3 0 1,0 6,0a3,3 0 1,0 -6,0Z",
}


class Point(NamedTuple):
    """A value at a moment, with its interval where there is one; `kind` is a key of MARKS, `title` what is
    said of it."""

    time: datetime
    value: float
    kind: str
    title: str
    low: float | None = None
    high: float | None = None


class Level(NamedTuple):
    """A line that values are read against."""

    value: float
    name: str


class Event(NamedTuple):
    """Something that happened, as an upright line."""

    time: datetime
    name: str


class Frame(NamedTuple):
    """What of time and of values a chart shows."""

    first: datetime
    last: datetime
    bottom: float
    top: float

    def at(self, time: datetime, value: float) -> tuple[float, float]:
        """Where a value stands; what lies beyond the axis stands at its end."""
        length = max((self.last - self.first).total_seconds(), 1.0)
        x = LEFT + (WIDTH - LEFT - RIGHT) * (time - self.first).total_seconds() / length
        part = (min(max(value, self.bottom), self.top) - self.bottom) / (self.top - self.bottom)
        return x, FLOOR - (FLOOR - ABOVE) * part


def chart(
    label: str,
    points: Sequence[Point],
    levels: Sequence[Level],
    events: Sequence[Event] = (),
    bottom: float = 0.0,
) -> Html:
    """Points over time, joined, with the levels that they are read against; empty below two points. The axis
    begins at `bottom`."""
    points = [one for one in points if math.isfinite(one.value)]
    if len(points) < 2:
        return Html("")
    most = top([*(_highest(one) for one in points), *(one.value for one in levels)], 0.05)
    frame = Frame(points[0].time, points[-1].time, bottom, most)
    drawn = [*_axis(frame, levels), *_events(frame, events), *_path(frame, points), *_dates(frame)]
    return fill(
        '<svg class="lines" viewBox="0 0 960 220" role="img" aria-label="$label">$parts</svg>',
        label=label,
        parts=joined(drawn),
    )


def _axis(frame: Frame, levels: Sequence[Level]) -> Iterator[Html]:
    """The floor, and the levels; the ceiling where there are none."""
    yield line("axis", LEFT, FLOOR, WIDTH - RIGHT, FLOOR)
    yield text(LEFT - 6, FLOOR + 4, number(frame.bottom), "end")
    for level in levels or [Level(frame.top, "")]:
        _, y = frame.at(frame.first, level.value)
        yield line("level" if level.name else "grid", LEFT, y, WIDTH - RIGHT, y)
        yield text(LEFT - 6, y + 4, number(level.value), "end")
        yield text(WIDTH - RIGHT, y - 4, level.name, "end")


def _events(frame: Frame, events: Sequence[Event]) -> Iterator[Html]:
    for event in events:
        if frame.first <= event.time <= frame.last:
            x, _ = frame.at(event.time, frame.bottom)
            yield line("event", x, ABOVE, x, FLOOR)
            yield text(x + 4, ABOVE + 8, event.name, "start")


def _path(frame: Frame, points: Sequence[Point]) -> Iterator[Html]:
    """The points' intervals, the line through them, and their marks, each over those before."""
    for one in points:
        if one.low is not None and math.isfinite(one.low):
            yield line("whisker", *frame.at(one.time, one.low), *frame.at(one.time, _highest(one)))
    places = [frame.at(one.time, one.value) for one in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield fill('<polyline class="path" points="$path"/>', path=path)
    for one, place in zip(points, places, strict=True):
        yield _mark(one, *place)


def _highest(one: Point) -> float:
    return one.value if one.high is None or not math.isfinite(one.high) else max(one.value, one.high)


def _mark(one: Point, x: float, y: float) -> Html:
    return fill(
        '<path class="mark $kind" d="$shape" transform="translate($x,$y)"><title>$title</title></path>',
        kind=one.kind,
        shape=MARKS[one.kind],
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        title=one.title,
    )


def _dates(frame: Frame) -> list[Html]:
    """Where the time begins, its middle and its end; days alone where the whole is longer than four."""
    form = "%Y-%m-%d" if (frame.last - frame.first).days >= 4 else "%m-%d %H:%M"
    middle = frame.first + (frame.last - frame.first) / 2
    wide = WIDTH - LEFT - RIGHT
    return [
        text(LEFT, HEIGHT - 8, frame.first.strftime(form), "start"),
        text(LEFT + wide / 2, HEIGHT - 8, middle.strftime(form), "middle"),
        text(WIDTH - RIGHT, HEIGHT - 8, frame.last.strftime(form), "end"),
    ]


def small(values: Sequence[float | None], least: float) -> Html:
    """A line without an axis, from 0 to at least `least`, with a dot at its end; absent values leave gaps."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < 2:
        return Html("")
    most, step = top(known, least), 104.0 / (len(values) - 1)
    parts, run = list[list[str]](), list[str]()
    for index, value in enumerate(values):
        if value is None or not math.isfinite(value):
            run = []
            continue
        if not run:
            parts.append(run)
        run.append(f"{4 + step * index:.1f},{25 - 22 * min(value, most) / most:.1f}")
    drawn = [fill('<polyline class="path" points="$path"/>', path=" ".join(part)) for part in parts]
    x, _, y = parts[-1][-1].partition(",")
    drawn.append(fill('<circle class="end" cx="$x" cy="$y" r="2.5"/>', x=x, y=y))
    return fill(
        '<svg class="small" viewBox="0 0 112 28" aria-hidden="true">$parts</svg>', parts=joined(drawn)
    )
