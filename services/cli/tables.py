"""Tables of a terminal: colours on one, plain text anywhere else."""

import os

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from services.cli.numbers import ABSENT
from services.cli.speech import plain

MOST_LETTERS = 40
# Of a pipe or a file, which have no width: a line that is broken is none that a shell's tools can read.
UNBROKEN = 10_000


def show(what: RenderableType) -> None:
    """Print it, as wide as the terminal is."""
    console = Console(highlight=False)
    if not console.is_terminal and not os.environ.get("COLUMNS"):
        console = Console(highlight=False, width=UNBROKEN)
    for one in what.renderables if isinstance(what, Group) else (what,):
        if isinstance(one, Table):
            fit(one, console)
    console.print(what)


def fit(table: Table, console: Console) -> None:
    """Make room in a table that is too wide: columns that say nothing go, and headings are not cut inside a
    word while there is a way."""
    # A measure is never more than the options allow.
    if Measurement.get(console, console.options.update(width=UNBROKEN), table).maximum <= console.width:
        return
    for column in [one for one in table.columns if all(str(cell) in ("", ABSENT) for cell in one.cells)]:
        table.columns.remove(column)
    least = [max(map(len, str(one.header).split()), default=0) for one in table.columns]
    kept = [
        max(map(len, map(str, one.cells)), default=0) if one.no_wrap else size
        for one, size in zip(table.columns, least, strict=True)
    ]
    if sum(kept) + 2 * len(kept) <= console.width:
        for one, size in zip(table.columns, least, strict=True):
            one.min_width = size


def print_lines(what: RenderableType) -> None:
    """Print it without breaking its lines: for what others search, copy and compare."""
    Console(highlight=False).print(what, soft_wrap=True)


def name(text: str) -> Text:
    """A name of somebody else's, as it may stand on a terminal."""
    told = plain(text)
    return Text(told if len(told) <= MOST_LETTERS else told[: MOST_LETTERS - 1] + "…")


def columns(*headings: str, right: int = 0) -> Table:
    """A table without a box, which a shell's tools can read as well; the last `right` columns hold
    numbers."""
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for place, heading in enumerate(headings):
        numeric = place >= len(headings) - right
        # A name that is broken into two lines is no name that one can copy.
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold", no_wrap=place == 0)
    return table
