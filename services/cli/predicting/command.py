"""`turnout predict`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from turnout.router.v1.inference_service_pb2 import PredictResponse, StreamPredictRequest

from services.cli import durations, tables
from services.cli.completing import routers
from services.cli.connecting import Visit, visit
from services.cli.options import RouterServer, Shape
from services.cli.predicting import signatures
from services.cli.predicting.asked import Question, pairs
from services.cli.predicting.files import Job, work
from services.cli.predicting.view import view
from services.cli.speech import Output, document, plain, tell


def predict(
    router: Annotated[
        str, typer.Argument(help="The router, as churn or routers/churn.", autocompletion=routers)
    ],
    row: Annotated[
        list[str] | None,
        typer.Option("--row", "-r", metavar="NAME=VALUE", help="A feature; again for each of them."),
    ] = None,
    text: Annotated[str | None, typer.Option(help="A text to ask about.")] = None,
    chat: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[ROLE:] TEXT", help="A message of a chat (user, if nobody is named); again for more."
        ),
    ] = None,
    json: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="FILE|-", help="A request, an input or a row as JSON; - is standard input."
        ),
    ] = None,
    rows: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A prediction for each row of a CSV or NDJSON file.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --rows: where answers go, .csv or NDJSON; else standard output."
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="With --rows: rows sent together.")] = 200,
    entity: Annotated[
        str,
        typer.Option(help="Unit of stickiness, such as a user's id; with --rows, the column that has it."),
    ] = "",
    external_id: Annotated[
        str, typer.Option(help="Your own key of the prediction; with --rows, the column that has it.")
    ] = "",
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", "-a", metavar="NAME=VALUE", help="Seen by policies only."),
    ] = None,
    variant: Annotated[str, typer.Option(help="Pin a variant; it takes an editor.")] = "",
    event_time: Annotated[
        datetime | None,
        typer.Option(parser=durations.moment, metavar="MOMENT", help="When it happened; ISO 8601."),
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Show a text as it is written.")] = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Ask a router: turnout predict churn --row amount=1200 --row contract_type=enterprise.

    Values are read as the signatures of the router's models say; the table tells who took part, and why.
    """
    attributes = pairs(attribute or [], "--attribute")
    asked = (row or [], text, chat or [], json)
    question = Question(router, *asked, entity, external_id, attributes, variant, event_time)
    if rows is not None:
        if any((row, text, chat, json, stream)):
            raise typer.BadParameter(
                "--rows says what to ask; leave out --row, --text, --chat, --json and --stream"
            )
        failed = visit(server, lambda suite: work(suite, Job(question, rows, out, batch)))
        raise typer.Exit(1 if failed else 0)
    question.check()
    shown = stream and output is Output.TABLE
    reply = visit(server, lambda suite: _ask(suite, question, stream=stream, aloud=shown))
    if output is Output.TABLE:
        tables.show(view(reply, answered=shown))
    else:
        tell(document(reply), output)


async def _ask(suite: Visit, question: Question, *, stream: bool, aloud: bool) -> PredictResponse:
    # Texts have no features to be typed.
    known = await signatures.kinds(suite, question.router) if question.row else {}
    request, door = question.request(known), suite.to("inference")
    if not stream:
        reply: PredictResponse = await door.ask("Predict", request)
        return reply
    whole = PredictResponse()
    asked = StreamPredictRequest(router=question.router, request=request)
    async for piece in door.follow("StreamPredict", asked, 600.0):
        if aloud and piece.delta:
            typer.echo(plain(piece.delta), nl=False)
        if piece.HasField("response"):
            whole = piece.response
    if aloud:
        typer.echo()
    return whole
