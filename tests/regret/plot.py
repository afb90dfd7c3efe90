"""Regret curves as an SVG: ours as lines, the references as dots, the bound of Lai and Robbins dashed."""

import math
from collections.abc import Iterator, Sequence

from tests.regret.verdicts import Verdict
from tests.regret.worlds import CASES

WIDTH, HEIGHT, LEFT, TOP, COLUMNS = 430, 320, 46, 26, 2
INNER_WIDTH, INNER_HEIGHT = 250, 250
COLOURS = ["#1b6ca8", "#d1495b", "#2e933c", "#8d5a97", "#e08e45", "#4c5454", "#00798c", "#b56576"]


def svg(verdicts: Sequence[Verdict]) -> str:
    """One panel per case of which more was measured than drawing at random, which dwarfs the others."""
    shown = [one for one in verdicts if one.algorithm != "uniform"]
    cases = list(dict.fromkeys(one.case for one in shown))
    rows = math.ceil(len(cases) / COLUMNS)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{COLUMNS * WIDTH}" height="{rows * HEIGHT}" '
        'font-family="sans-serif" font-size="10"><rect width="100%" height="100%" fill="white"/>'
    )
    panels = []
    for place, case in enumerate(cases):
        x, y = place % COLUMNS * WIDTH, place // COLUMNS * HEIGHT
        those = [one for one in shown if one.case == case]
        panels.append(f'<g transform="translate({x},{y})">{"".join(_panel(case, those))}</g>')
    return head + "".join(panels) + "</svg>\n"


def _panel(case: str, those: Sequence[Verdict]) -> Iterator[str]:
    steps = those[0].curve[-1][0]
    top = max(max(one.mean, one.reference) for one in those) * 1.05

    def at(step: float, regret: float) -> tuple[float, float]:
        across = math.log(max(step, 1)) / math.log(steps)
        return LEFT + across * INNER_WIDTH, TOP + INNER_HEIGHT * (1 - min(regret / top, 1.0))

    yield f'<text x="{LEFT}" y="16" font-weight="bold">{case}: regret over time (log)</text>'
    size = f'width="{INNER_WIDTH}" height="{INNER_HEIGHT}"'
    yield f'<rect x="{LEFT}" y="{TOP}" {size} fill="none" stroke="#999"/>'
    yield from (_tick(*at(10**power, 0), f"1e{power}") for power in range(int(math.log10(steps)) + 1))
    yield from (
        _tick(LEFT - 30, at(1, top * part)[1] - 8, f"{top * part:.0f}") for part in (0.25, 0.5, 0.75, 1)
    )
    if slope := (CASES[case]["lower_bound"] or {}).get("lai_robbins_C"):
        ends = " ".join("{:.1f},{:.1f}".format(*at(step, slope * math.log(step))) for step in _grid(steps))
        yield f'<polyline points="{ends}" fill="none" stroke="black" stroke-dasharray="4 3"/>'
    for place, one in enumerate(those):
        colour = COLOURS[place % len(COLOURS)]
        line = " ".join("{:.1f},{:.1f}".format(*at(step, regret)) for step, regret in one.curve)
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.3"/>'
        for step, regret in CASES[case]["algorithms"][one.algorithm]["regret_at"].items():
            x, y = at(int(step), regret)
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="none" stroke="{colour}"/>'
        told = f"{one.algorithm} {one.mean:.0f} ({one.reference:.0f})"
        yield f'<text x="{LEFT + INNER_WIDTH + 6}" y="{TOP + 12 + 14 * place}" fill="{colour}">{told}</text>'


def _tick(x: float, y: float, told: str) -> str:
    return f'<text x="{x:.1f}" y="{y + 12:.1f}" fill="#555">{told}</text>'


def _grid(steps: int) -> list[float]:
    return [steps ** (part / 40) for part in range(41)]
