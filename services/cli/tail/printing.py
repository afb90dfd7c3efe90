"""A prediction on a line."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC

import typer
from rich.console import Console
from rich.text import Text
from turnout.inference.v1 import manifest_pb2 as manifests
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.cli.numbers import percent
from services.cli.speech import Output, document, plain
from services.cli.told import answers
from services.cli.told.manifests import cost, milliseconds

Print = Callable[[PredictionEvent, bool], None]


def printer(output: Output) -> Print:
    """Prints an event; told whether it comes late."""
    if output is Output.TABLE:
        console = Console(highlight=False)
        return lambda event, late: console.print(line(event, late=late), soft_wrap=True)
    if output is Output.YAML:
        return lambda event, _: typer.echo(f"--- {json.dumps(document(event))}")
    # A reader behind a pipe wants each as it comes.
    return lambda event, _: print(json.dumps(document(event)), flush=True)  # noqa: T201 - the command's output


def line(event: PredictionEvent, *, late: bool = False) -> Text:
    """When, who answered what, how fast, at what cost, and why."""
    manifest = event.manifest
    told = Text.assemble(
        ("~" if late else " ", "yellow"),
        (event.time.ToDatetime(tzinfo=UTC).strftime("%H:%M:%S.%f")[:-3], "dim"),
        f" {plain(manifest.router.removeprefix('routers/'))} ",
        (plain(_who(event)), "bold"),
        "  ",
    )
    if event.error_code:
        told.append(plain(f"{event.error_code} {event.error_message}"), style="red")
    else:
        told.append(answers.line(event.output, 48))
    for words, style in _rest(event):
        told.append(f"  {plain(words)}", style=style)
    return told


def _who(event: PredictionEvent) -> str:
    decision, manifest = event.manifest.decision, event.manifest
    if manifest.HasField("aggregation"):
        return f"{manifest.aggregation.quorum_met} of {len(manifest.participants)}"
    served = [one for one in manifest.participants if one.outcome == manifests.OUTCOME_SERVED]
    if served and served[0].variant != decision.variant:
        return f"{served[0].variant} for {decision.variant}"
    return decision.variant or "nobody"


def _rest(event: PredictionEvent) -> Iterator[tuple[str, str]]:
    manifest, decision = event.manifest, event.manifest.decision
    yield milliseconds(manifest.total_latency), ""
    if manifest.HasField("total_cost"):
        yield cost(manifest.total_cost), ""
    if manifest.degraded:
        yield "degraded", "yellow"
    if manifest.aggregation.dissenting:
        yield f"otherwise: {', '.join(manifest.aggregation.dissenting)}", "yellow"
    why = decision.policy or decision.strategy
    yield (f"{why} p {percent(decision.propensity)}" if decision.propensity else why), "dim"
    yield manifest.prediction_id, "dim"
