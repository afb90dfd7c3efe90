"""`turnout predict`."""

import typer
from turnout.router.v1.inference_service_pb2 import PredictResponse, StreamPredictRequest

from services.cli import tables
from services.cli.connecting import Visit, visit
from services.cli.options import RouterServer, Shape
from services.cli.predicting import options as told
from services.cli.predicting import signatures
from services.cli.predicting.asked import Question, pairs
from services.cli.predicting.files import Job, work
from services.cli.predicting.view import view
from services.cli.speech import Output, document, plain, tell


def predict(
    router: told.Router,
    row: told.Row = None,
    text: told.Text = None,
    chat: told.Chat = None,
    json: told.Json = None,
    rows: told.Rows = None,
    out: told.Out = None,
    batch: told.Batch = 200,
    entity: told.Entity = "",
    external_id: told.ExternalId = "",
    attribute: told.Attribute = None,
    variant: told.Variant = "",
    event_time: told.EventTime = None,
    stream: told.Stream = False,
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
