"""`turnout feedback`: say what came of a prediction, or of as many as a file has."""

from typing import Any

import typer
from google.protobuf.message import Message
from turnout.feedback.v1.feedback_service_pb2 import (
    FeedbackStatus,
    RecordFeedbackRequest,
    RecordFeedbackResponse,
)
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.router_pb2 import TASK_TYPE_REGRESSION
from typer.core import TyperGroup

from services.cli import rooms
from services.cli.complaints import ERROR
from services.cli.connecting import Visit, visit
from services.cli.learning import importing, naming, outcomes
from services.cli.options import FeedbackServer, Shape
from services.cli.speech import Output, document, plain, tell
from services.foundation.errors import TurnoutError

HELP = "Say what came of predictions: rewards, metrics and the truth."
# What is stored and does not count, or not yet.
QUIET = ("DUPLICATE", "SUPERSEDED", "EXPIRED", "FORGOTTEN")


class Recording(TyperGroup):
    """`turnout feedback PREDICTION …` is `turnout feedback record PREDICTION …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in front where none is named."""
        if args and args[0] not in self.commands and args[0] not in ("--help",):
            args = ["record", *args]
        return super().parse_args(ctx, args)


def record(
    prediction: naming.Prediction = "",
    truth: naming.Truth = None,
    reward: naming.Reward = None,
    router: naming.Router = "",
    external_id: naming.ExternalId = "",
    entity: naming.Entity = "",
    time: naming.Time = None,
    row: naming.Row = 0,
    number: naming.Number = None,
    feedback_id: naming.Id = "",
    server: FeedbackServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Say what came of one prediction: turnout feedback 0199… --truth yes."""
    if (truth is None) == (reward is None):
        raise typer.BadParameter("say what came of it: either --truth LABEL or --reward VALUE")
    names = {"prediction_id": prediction, "router": router, "external_id": external_id}
    names |= {"entity_id": entity, "feedback_id": feedback_id}
    request = naming.named(names, row, time)

    async def recorded(suite: Visit) -> RecordFeedbackResponse:
        if reward is not None:
            outcomes.rewarded(request, reward)
        if truth is not None:
            meant = await _numeric(suite, request, truth) if number is None else number
            outcomes.true(request, truth, number=meant)
        reply: RecordFeedbackResponse = await suite.to("feedback").ask("RecordFeedback", request)
        return reply

    show(visit(server, recorded), output)


async def _numeric(suite: Visit, request: RecordFeedbackRequest, text: str) -> bool:
    """Whether a truth that looks like a number is one: labels may be 0 and 1."""
    try:
        float(text)
    except ValueError:
        return False
    try:
        if request.prediction_id:
            asked: Message = routers.GetPredictionRequest(prediction_id=request.prediction_id)
            found = (await suite.to("routers").ask("GetPrediction", asked)).prediction
            return bool(found.event.output.WhichOneof("kind") == "regression")
        told = await suite.to("routers").ask("GetRouter", routers.GetRouterRequest(name=request.router))
        return bool(told.router.task.type == TASK_TYPE_REGRESSION)
    except TurnoutError:
        # Its record may still be on its way, and labels are what most routers answer.
        return False


def show(reply: RecordFeedbackResponse, output: Output) -> None:
    """Print what became of it."""
    if output is not Output.TABLE:
        return tell(document(reply), output)
    status = FeedbackStatus.Name(reply.status).removeprefix("FEEDBACK_STATUS_")
    whom = (
        f"{reply.router} learns from it, for {reply.variant}"
        if reply.router
        else "it counts once its record is there"
    )
    told = WORDS.get(status, whom)
    typer.echo(plain(f"{status.lower().replace('_', ' ')}: {told} ({reply.durability})"))
    if status in QUIET and status != "DUPLICATE":
        raise typer.Exit(ERROR)
    return None


WORDS = {
    "DUPLICATE": "the same feedback was there already; nothing changed",
    "SUPERSEDED": "a later observation was there already; nothing changed",
    "EXPIRED": "it came after the router's horizon; nothing changed",
    "FORGOTTEN": "the router's rewards were reset since; its arms learn nothing from it",
}


def import_(
    file: naming.File,
    router: naming.Router = "",
    column: naming.Column = None,
    number: naming.Numbers = False,
    server: FeedbackServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Say what came of every prediction that a file names. Sent again, each line counts once."""
    job = importing.Job(file, router, importing.columns(column or []), number)
    done = visit(server, lambda suite: importing.work(suite, job))
    importing.show(done, output)


def application() -> typer.Typer:
    """The command and all that it does."""
    app = rooms.app(HELP, Recording)
    app.command("record")(record)
    app.command("import")(import_)
    return app
