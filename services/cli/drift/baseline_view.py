"""What an upload made, on a terminal."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.drift.v1.feature_role_pb2 import FEATURE_ROLE_PREDICTION, FEATURE_ROLE_SCORE
from turnout.router.v1.model_pb2 import FEATURE_KIND_NUMERIC

from services.cli.drift.tables import name
from services.cli.numbers import plural
from services.cli.speech import plain

# Rows of a table on a terminal; JSON has more.
MOST_COLUMNS = 60
ROLES = {FEATURE_ROLE_PREDICTION: "prediction", FEATURE_ROLE_SCORE: "score"}


def made_view(made: rpc.UploadBaselineResponse, dry_run: bool) -> RenderableType:
    """The columns and what was made of them, the baselines, and what one should know."""
    parts: list[RenderableType] = [_columns(made.columns)]
    if (more := len(made.columns) - MOST_COLUMNS) > 0:
        parts.append(Text(f"and {plural(more, 'column')} more: -o json", style="dim"))
    parts += [Text(f"! {plain(line)}", style="yellow") for line in made.baseline.warnings]
    parts += [
        Text(
            f"! line {one.line}{f', {plain(one.column)}' if one.column else ''}: {plain(one.message)}",
            style="dim",
        )
        for one in made.errors
    ]
    if made.segment_baselines:
        parts.append(_segments(made))
    use = (
        "active" if made.baseline.active else "counted, not active" if made.baseline.counted else "not active"
    )
    state = "nothing was made" if dry_run else use
    parts.append(
        Text(f"{plain(made.baseline.name)}: {plural(made.baseline.rows, 'row')}, {state}", style="bold")
    )
    return Group(*parts)


def _of(column: str) -> str:
    return f", {plain(column)}" if column else ""


def _columns(columns: Iterable[rpc.BaselineColumn]) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("column", overflow="fold")
    table.add_column("is", no_wrap=True)
    table.add_column("missing", justify="right")
    table.add_column("because", overflow="fold")
    for one in list(columns)[:MOST_COLUMNS]:
        named = name(one.column)
        if one.name and one.name != one.column:
            named = Text.assemble(named, " as ", name(one.name))
        missing = f"{one.missing:,}" if one.name else ""
        table.add_row(named, _word(one), missing, Text(plain(one.reason), style="dim"))
    return table


def _word(one: rpc.BaselineColumn) -> Text:
    if not one.name:
        return Text("left out", style="yellow")
    kind = "numeric" if one.kind == FEATURE_KIND_NUMERIC else "categorical"
    return Text(ROLES.get(one.role, kind))


def _segments(made: rpc.UploadBaselineResponse) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("segment", overflow="fold")
    table.add_column("rows", justify="right")
    table.add_column("baseline", overflow="fold")
    for one in made.segment_baselines:
        segment = Text.assemble(name(one.segment.name), " = ", name(one.segment.value))
        table.add_row(segment, f"{one.rows:,}", plain(one.name.rpartition("/")[2]))
    return table
