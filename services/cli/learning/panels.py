"""What is told of a router without full panels, which may have advice all the same: a cascade has none."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.speech import plain


def without(router: str, advice: Sequence[str]) -> RenderableType:
    """That there are none, and what the other numbers advise."""
    why = "only ensembles have them, by full_panel_fraction"
    if advice:
        why = "only ensembles whose members are all asked have them"
    return Group(
        Text(f"{plain(router)}: no full panels in this time; {why}"), *(Text(plain(line)) for line in advice)
    )
