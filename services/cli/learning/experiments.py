"""`turnout experiments`: how the variants of a router compare, and what may be concluded."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from turnout.feedback.v1 import experiment_pb2 as evidence
from turnout.feedback.v1.experiment_pb2 import Experiment, ExperimentComparison, GetExperimentRequest

from services.cli import rooms, tables
from services.cli.completing import routers
from services.cli.connecting import Suite, carry_out
from services.cli.numbers import ABSENT, given, moment, number, p_value, percent, span
from services.cli.options import FeedbackServer, Shape
from services.cli.speech import Output, document, plain, tell

HELP = "How the variants of a router compare: effects, intervals, and what may be concluded."
STYLES = {"win": "bold green", "lose": "bold red", "invalid": "bold red", "hold": "yellow", "futile": "dim"}


def experiments(
    router: Annotated[
        str, typer.Argument(help="The router, as churn or routers/churn.", autocompletion=routers)
    ],
    segment: Annotated[bool, typer.Option("--segment", help="Each segment of the router as well.")] = False,
    server: FeedbackServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Show the decision in a sentence, then each arm beside the baseline; look as often as you like."""

    async def read(suite: Suite) -> Experiment:
        found: Experiment = (await suite.ask("GetExperiment", GetExperimentRequest(router=router))).experiment
        return found

    found = carry_out("feedback", server, read)
    if output is Output.TABLE:
        tables.show(view(found, segments=segment))
    else:
        tell(document(found), output)


def decision(value: int) -> str:
    """A decision in a word."""
    names = dict(map(reversed, evidence.ExperimentDecision.items()))  # type: ignore[arg-type, var-annotated]
    return str(names.get(value, value)).removeprefix("EXPERIMENT_DECISION_").lower()


def view(found: Experiment, *, segments: bool = False) -> RenderableType:
    """The decision, the arms, the comparisons, and what makes them doubtful."""
    word = decision(found.decision)
    head = Text.assemble((word, STYLES.get(word, "bold")), "  ", plain(found.reason))
    facts = f"{found.primary_metric} per {found.unit or 'prediction'}, alpha {number(found.alpha)}"
    if found.min_effect:
        facts += f", least effect worth finding {number(found.min_effect)}"
    since = f"since {moment(found.start_time)} UTC; labels up to {moment(found.watermark_time)}"
    parts: list[RenderableType] = [
        head,
        Text(plain(f"{found.router}: {facts}; {since}"), style="dim"),
        _arms(found),
    ]
    parts += [Text(plain(_sentence(one))) for one in found.comparisons]
    parts += [Text(plain(line), style="red") for line in _breaches(found)]
    if segments:
        parts.append(_segments(found))
    return Group(*parts, _ratio(found), *_doubts(found))


def _arms(found: Experiment) -> Table:
    table = tables.columns("arm", "decisions", "with value", "missing", "failed", "mean", "bounds", right=6)
    for arm in found.arms:
        bounds = f"{number(arm.mean_bounds.low)} to {number(arm.mean_bounds.high)}"
        table.add_row(
            Text(plain(arm.variant) + (" (baseline)" if arm.variant == found.baseline else "")),
            f"{arm.decisions:,}",
            f"{arm.observations:,}",
            f"{arm.missing:,}",
            f"{arm.failures:,}",
            number(given(arm, "mean")),
            bounds if arm.HasField("mean_bounds") else ABSENT,
        )
    return table


def _sentence(one: ExperimentComparison) -> str:
    """A comparison as somebody would tell it."""
    told = f"{one.variant}: {decision(one.decision)}"
    if one.HasField("effect"):
        bounds = f"{number(one.effect.bounds.low)} to {number(one.effect.bounds.high)}"
        told += f"; effect {one.effect.estimate:+.3g} ({bounds}), p {p_value(one.effect.p_better)}"
    if one.reason:
        told += f"; {one.reason}"
    if one.HasField("expected_observations"):
        told += f"; {one.expected_observations:,} more observations are expected"
        if one.HasField("expected_time"):
            told += f", which take {span(one.expected_time.ToNanoseconds() / 1e9)}"
    if one.HasField("power"):
        told += f"; chance to win by then {percent(one.power)}"
    return told


def _breaches(found: Experiment) -> list[str]:
    return [
        f"! {one.variant} breaches the guardrail {guard.metric}: {number(given(guard, 'treatment'))}, "
        f"and the baseline has {number(given(guard, 'baseline'))} (p {p_value(guard.p_breached)})"
        for one in found.comparisons
        for guard in one.guardrails
        if guard.breached
    ]


def _segments(found: Experiment) -> RenderableType:
    if not found.segments:
        return Text("no segments: the router declares none, or nothing was seen of them", style="dim")
    table = tables.columns("segment", "arm", "decision", "observations", "effect", "bounds", right=3)
    for one in found.segments:
        effect = one.effect
        known = one.HasField("effect")
        table.add_row(
            tables.name(one.segment),
            tables.name(one.variant),
            decision(one.decision),
            f"{one.observations:,}",
            f"{effect.estimate:+.3g}" if known else ABSENT,
            f"{number(effect.bounds.low)} to {number(effect.bounds.high)}" if known else ABSENT,
        )
    return table


def _ratio(found: Experiment) -> Text:
    shown = p_value(found.sample_ratio.p_value)
    if found.sample_ratio.mismatch:
        return Text(
            f"! arms were not drawn as logged (p {shown}): nothing can be concluded", style="bold red"
        )
    return Text(f"arms were drawn as logged (sample ratio, p {shown})", style="dim")


def _doubts(found: Experiment) -> list[Text]:
    missing = [
        f"{one.variant} and the baseline do not lose their labels for {one.metric} alike (p "
        f"{p_value(one.p_value)})"
        for one in found.missing_labels
        if one.differs
    ]
    return [Text(f"! {plain(line)}", style="yellow") for line in (*missing, *found.warnings)]


def application() -> typer.Typer:
    """The command."""
    return rooms.single(HELP, experiments)
