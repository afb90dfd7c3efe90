"""Tables of a terminal: colours on one, plain text anywhere else."""

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from services.cli.speech import plain

MOST_LETTERS = 40


def show(what: RenderableType) -> None:
    """Print it, as wide as the terminal is."""
    Console(highlight=False).print(what)


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
