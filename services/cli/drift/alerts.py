"""`turnout drift alerts`: what was raised and cleared, and what is from now on."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from turnout.drift.v1 import alert_config_pb2 as config
from turnout.drift.v1 import alert_pb2 as raised
from turnout.drift.v1.alert_pb2 import Alert
from turnout.drift.v1.alert_rpc_pb2 import ListAlertsRequest, WatchAlertsRequest

from services.cli.connecting import Suite, carry_out
from services.cli.drift import asking, tables
from services.cli.drift.options import Server
from services.cli.numbers import moment
from services.cli.options import Shape, one_of
from services.cli.speech import Output, document, plain, tell

STATES = {"firing": raised.ALERT_STATE_FIRING, "resolved": raised.ALERT_STATE_RESOLVED}
WORDS = {raised.ALERT_STATE_PENDING: "pending", **{state: word for word, state in STATES.items()}}
KINDS = {
    raised.ALERT_KIND_DRIFT: "drift",
    raised.ALERT_KIND_CONCEPT_DRIFT: "concept drift",
    raised.ALERT_KIND_NO_DATA: "no data",
}
SEVERITIES = {config.ALERT_SEVERITY_WARNING: "warning", config.ALERT_SEVERITY_ALERT: "alert"}
STYLE = {"warning": "yellow", "alert": "bold red", "firing": "bold", "resolved": "dim"}
# Who watches does so until he stops.
A_DAY = 86_400.0


def alerts(
    model: Annotated[
        str | None,
        typer.Argument(help="The model; with --watch, all that one may see if absent.", show_default=False),
    ] = None,
    state: Annotated[
        str | None, typer.Option(metavar="|".join(STATES), help="Only alerts that stand so.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="What fires now, then every change, until Ctrl-C.")
    ] = False,
    most: Annotated[int, typer.Option("--most", "-n", min=1, max=1000, help="How many, newest first.")] = 20,
    server: Server = None,
    output: Shape = Output.TABLE,
) -> None:
    """List the alerts of a model, newest first; or follow them as they are raised and cleared."""
    if watch:
        return carry_out("drift", server, lambda suite: _follow(suite, model, output))
    if model is None:
        raise typer.BadParameter("name a model, or follow all of them with --watch")
    request = ListAlertsRequest(model=model, state=one_of(STATES, state, "--state"))

    async def listed(suite: Suite) -> list[Alert]:
        return await asking.alerts(suite, request, most)

    found = carry_out("drift", server, listed)
    if output is Output.TABLE:
        tables.show(view(model, found))
    else:
        tell([document(one) for one in found], output)
    return None


async def _follow(suite: Suite, model: str | None, output: Output) -> None:
    request = WatchAlertsRequest(model=model)
    async for said in suite.follow("WatchAlerts", request, A_DAY):
        if said.caught_up:
            typer.echo("following; Ctrl-C ends it", err=True)
        elif output is Output.TABLE:
            tables.show(line(said.alert))
        else:
            # One to a line, as it comes: a document would only be whole at the end, and there is none.
            typer.echo(json.dumps(document(said.alert)))


def line(one: Alert) -> Text:
    """An alert in a line."""
    severity, state = SEVERITIES.get(one.severity, ""), WORDS.get(one.state, "")
    return Text.assemble(
        f"{moment(one.change_time)}  ",
        (f"{state} ", STYLE.get(state, "")),
        (f"{severity} ", STYLE.get(severity, "")),
        plain(f"{one.model}: {one.summary}"),
    )


def view(model: str, found: Sequence[Alert]) -> RenderableType:
    """Alerts, newest first."""
    if not found:
        return Text(f"{plain(model)}: no alerts")
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for heading in ("raised (UTC)", "state", "severity", "about", "cleared (UTC)"):
        table.add_column(heading, no_wrap=True)
    table.add_column("what", overflow="fold")
    for one in found:
        severity, state = SEVERITIES.get(one.peak_severity, ""), WORDS.get(one.state, "")
        cleared = moment(one.resolve_time) if one.HasField("resolve_time") else ""
        table.add_row(
            moment(one.fire_time),
            Text(state, style=STYLE.get(state, "")),
            Text(severity, style=STYLE.get(severity, "")),
            KINDS.get(one.kind, ""),
            cleared,
            plain(one.summary),
        )
    return table
