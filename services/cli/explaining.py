"""`turnout explain`: which rule, which variant, with what probability, and what another draw leads to."""

import re
from collections.abc import Iterator

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from turnout.inference.v1 import manifest_pb2 as manifests
from turnout.inference.v1.manifest_pb2 import Candidate, Decision
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.inference_service_pb2 import ExplainRequest, ExplainResponse

from services.cli import rooms, tables
from services.cli.connecting import Visit, visit
from services.cli.numbers import ABSENT, given, number, percent
from services.cli.options import RouterServer, Shape
from services.cli.predicting import options as told
from services.cli.predicting import signatures
from services.cli.predicting.asked import Question, pairs
from services.cli.speech import Output, document, plain, tell

HELP = "Which rule and which variant, with what probability, and what another draw would have led to."
PREDICTION = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def explain(
    what: told.What,
    row: told.Row = None,
    text: told.Text = None,
    entity: told.Entity = "",
    attribute: told.Attribute = None,
    u: told.Draw = None,
    generation: told.Generation = 0,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Explain a decision that nobody makes (a router), or one that was made (a prediction).

    Nothing is called and nothing logged.
    """
    attributes = pairs(attribute or [], "--attribute")
    request = ExplainRequest(entity_id=entity, attributes=attributes, generation=generation)
    if u is not None:
        request.u = u

    async def explained(suite: Visit) -> ExplainResponse:
        await _aim(suite, request, what, Question(what, row or [], text))
        reply: ExplainResponse = await suite.to("inference").ask("Explain", request)
        return reply

    found = visit(server, explained)
    if output is Output.TABLE:
        tables.show(view(found))
    else:
        tell(document(found), output)


async def _aim(suite: Visit, request: ExplainRequest, what: str, question: Question) -> None:
    if PREDICTION.fullmatch(what):
        asked = routers.GetPredictionRequest(prediction_id=what)
        found = (await suite.to("routers").ask("GetPrediction", asked)).prediction
        request.prediction_id, request.router = what, found.event.manifest.router
        return
    request.router = what
    if question.row or question.text is not None:
        typed = await signatures.kinds(suite, what) if question.row else {}
        request.input.CopyFrom(question.request(typed).input)


def view(found: ExplainResponse) -> RenderableType:
    """The decision in a sentence, who could have been drawn, and what each draw leads to."""
    decision = found.decision
    parts: list[RenderableType] = [Text(plain(decision.explanation), style="bold")]
    parts += [Text(plain(line), style="dim") for line in _facts(found)]
    parts.append(_candidates(decision))
    if found.HasField("same"):
        words = "it would be decided so again" if found.same else "today it would be decided otherwise"
        parts.append(Text(words, style="green" if found.same else "yellow"))
        parts += [Text(f"  {plain(line)}") for line in found.differences]
    failed = [f"the rule {name} could not be evaluated, and did not match" for name in decision.rule_errors]
    return Group(*parts, *(Text(f"! {plain(line)}", style="yellow") for line in (*failed, *found.warnings)))


def _facts(found: ExplainResponse) -> Iterator[str]:
    decision = found.decision
    policy = f"policy {decision.policy}" if decision.policy else "no policy applied"
    yield f"generation {found.generation}, strategy {decision.strategy}, {policy}"
    if decision.draw == manifests.DRAW_SOURCE_RENDEZVOUS:
        yield f"sticky: the entity's hash {decision.unit_hash} decides, and a change of weights moves few"
    elif decision.draw == manifests.DRAW_SOURCE_GENERATOR:
        yield f"u = {decision.u:.6g} was drawn; each variant has a stretch of 0 to 1"
    if decision.held:
        yield "a pin held the variant: the entity got it before"
    if decision.HasField("request_score"):
        yield f"complexity of the request: {number(decision.request_score)}"


def _candidates(decision: Decision) -> Table:
    table = tables.columns("", "variant", "model", "probability", "score", right=2)
    table.add_column("would be drawn with u", no_wrap=True)
    table.add_column("why not", overflow="fold")
    begin = 0.0
    for one in decision.candidates:
        chosen = one.variant == decision.variant
        model, score = one.model.removeprefix("models/"), number(given(one, "score"))
        table.add_row(
            "▸" if chosen else "",
            Text(plain(one.variant), style="bold" if chosen else ""),
            tables.name(model),
            percent(one.probability),
            score,
            _stretch(decision, one, begin),
            Text(plain(one.reason)),
        )
        begin += one.probability
    return table


def _stretch(decision: Decision, one: Candidate, begin: float) -> str:
    """The draws that lead to it: the router adds probabilities up in the order of its candidates."""
    if decision.draw != manifests.DRAW_SOURCE_GENERATOR or not one.probability:
        return ABSENT
    return f"{begin:.4f} to {begin + one.probability:.4f}"


def application() -> typer.Typer:
    """The command."""
    return rooms.single(HELP, explain)
