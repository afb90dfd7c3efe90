"""`turnout canary`: where a canary stands, and moving it by hand."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text
from turnout.feedback.v1 import canary_pb2 as rpc
from turnout.feedback.v1.canary_pb2 import CanaryFinding, CanaryStatus, PromotionEvent
from turnout.router.v1 import canary_pb2 as moves

from services.cli import rooms, tables
from services.cli.completing import routers
from services.cli.connecting import Suite, carry_out
from services.cli.numbers import ABSENT, given, moment, number
from services.cli.options import FeedbackServer, Shape
from services.cli.speech import Output, document, plain, tell

HELP = "Where a canary stands, and moving it by hand."
STYLES = {"promoted": "bold green", "rolled back": "bold red", "paused": "yellow", "held": "yellow"}

Router = Annotated[str, typer.Argument(help="The router, as churn or routers/churn.", autocompletion=routers)]
Reason = Annotated[str, typer.Option(help="Why, for whoever reads its events.")]
Etag = Annotated[str, typer.Option(help="The router's etag that was read; a stale one is refused.")]


def get(router: Router, server: FeedbackServer = None, output: Shape = Output.TABLE) -> None:
    """Show its percentage, its step, what is known of both, and what it waits for."""
    _asked("GetCanary", rpc.GetCanaryRequest(router=router), server, output)


def _move(method: str, request: Callable[..., Any], told: str) -> Callable[..., None]:
    def move(
        router: Router,
        reason: Reason = "",
        etag: Etag = "",
        server: FeedbackServer = None,
        output: Shape = Output.TABLE,
    ) -> None:
        _asked(method, request(router=router, reason=reason, etag=etag), server, output)

    move.__doc__ = told
    return move


MOVES = {
    "pause": _move(
        "PauseCanary", rpc.PauseCanaryRequest, "Let it not grow until it is resumed; guardrails go on."
    ),
    "resume": _move("ResumeCanary", rpc.ResumeCanaryRequest, "Let a paused canary grow again."),
    "promote": _move("PromoteCanary", rpc.PromoteCanaryRequest, "Make it the baseline, with all traffic."),
    "rollback": _move("RollbackCanary", rpc.RollbackCanaryRequest, "Give all traffic back to the baseline."),
}


def events(
    router: Router,
    most: Annotated[int, typer.Option("--most", "-n", min=1, max=1000, help="How many, newest first.")] = 20,
    server: FeedbackServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """List what happened to it, newest first."""

    async def listed(suite: Suite) -> list[PromotionEvent]:
        request = rpc.ListPromotionEventsRequest(router=router)
        return await suite.listed("ListPromotionEvents", "events", request, most)

    found = carry_out("feedback", server, listed)
    if output is not Output.TABLE:
        return tell([document(one) for one in found], output)
    table = tables.columns("when (UTC)", "what", "from", "to", "by", "why")
    for one in found:
        by = "its rules" if one.automatic else one.by or ABSENT
        shares = (f"{number(one.from_percentage)} %", f"{number(one.to_percentage)} %")
        table.add_row(moment(one.time), one.kind.lower(), *shares, tables.name(by), Text(plain(one.reason)))
    return tables.show(table if found else Text(f"{plain(router)}: nothing has happened to a canary of it"))


def _asked(method: str, request: Any, server: str | None, output: Output) -> None:
    async def ask(suite: Suite) -> CanaryStatus:
        found: CanaryStatus = (await suite.ask(method, request)).canary
        return found

    found = carry_out("feedback", server, ask)
    if output is Output.TABLE:
        tables.show(view(found))
    else:
        tell(document(found), output)


def view(found: CanaryStatus) -> RenderableType:
    """A sentence, then the two side by side, then what the evidence says."""
    state = moves.CanaryState.Name(found.state).removeprefix("CANARY_STATE_").lower().replace("_", " ")
    head = Text.assemble(
        (state, STYLES.get(state, "bold")),
        f"  {plain(found.canary)} has {number(found.percentage)} % of {plain(found.router)}, "
        f"{plain(found.baseline)} the rest",
        f"; step {found.step} of {found.steps}" if found.steps else "",
        f", since {moment(found.since)} UTC",
    )
    table = tables.columns("variant", "decisions", "judged", "missing", "failed", right=4)
    for arm in found.evidence.arms:
        counts = (arm.decisions, arm.labelled, arm.missing, arm.failures)
        table.add_row(tables.name(arm.variant), *(f"{count:,}" for count in counts))
    parts: list[RenderableType] = [head, table]
    parts += [Text(plain(_finding(one))) for one in found.evidence.findings]
    if found.waiting_for:
        parts.append(Text(f"waits for: {plain(found.waiting_for)}"))
    if found.next:
        move = moves.CanaryMove.Name(found.next).removeprefix("CANARY_MOVE_").lower()
        parts.append(Text(f"its rules would {move} now", style="bold"))
    return Group(*parts, *(Text(f"! {plain(line)}", style="yellow") for line in found.evidence.warnings))


def _finding(one: CanaryFinding) -> str:
    told = f"{one.question} ({one.metric}): {'yes' if one.answered else 'not yet'}"
    if one.HasField("effect"):
        told += f"; effect {one.effect:+.3g} ({number(given(one, 'low'))} to {number(given(one, 'high'))})"
    if one.HasField("threshold"):
        told += f"; evidence {number(one.log_evidence)} of {number(one.threshold)}"
    return f"{told}; {one.canary_samples:,} of the canary, {one.baseline_samples:,} of the baseline"


def application() -> typer.Typer:
    """The command and all that it does."""
    app = rooms.app(HELP)
    app.command("get")(get)
    for name, move in MOVES.items():
        app.command(name)(move)
    app.command("events")(events)
    return app
