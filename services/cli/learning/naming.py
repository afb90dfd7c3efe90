"""What `turnout feedback` can be told: which prediction, and what came of it."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from turnout.feedback.v1.feedback_service_pb2 import RecordFeedbackRequest

from services.cli import durations
from services.cli.learning import outcomes

Prediction = Annotated[
    str,
    typer.Argument(help="The prediction's id; or name it by --external-id, or --entity.", show_default=False),
]
Truth = Annotated[str | None, typer.Option(metavar="LABEL|NUMBER", help="What turned out to be true.")]
Reward = Annotated[
    str | None,
    typer.Option(metavar="[METRIC=]VALUE", help="A reward, or the value of a metric of the router."),
]
Router = Annotated[str, typer.Option(help="The router; needed where no prediction is named by its id.")]
ExternalId = Annotated[str, typer.Option(help="Your own key of the prediction.")]
Entity = Annotated[str, typer.Option(help="Whom it was for; with --time its newest prediction by then.")]
Time = Annotated[
    datetime | None,
    typer.Option(parser=durations.moment, metavar="MOMENT", help="ISO 8601, with --entity."),
]
Row = Annotated[int, typer.Option(min=0, help="Row of a prediction of several.")]
Number = Annotated[
    bool | None,
    typer.Option(
        "--number/--label", help="How --truth is meant; else as the router answers.", show_default=False
    ),
]
Id = Annotated[str, typer.Option("--id", help="Id of this feedback: again it changes nothing.")]
File = Annotated[Path, typer.Argument(help="CSV with a header, or NDJSON; - is standard input.")]
Column = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD=COLUMN",
        help="Which column holds a field, such as truth=churned; again for more. Fields are "
        f"{', '.join(outcomes.COLUMNS)}.",
    ),
]
Numbers = Annotated[bool, typer.Option("--number", help="The truth is a number, and no label.")]


def named(names: Mapping[str, str], row: int, time: datetime | None) -> RecordFeedbackRequest:
    """Feedback on a prediction, without what came of it. Raises typer.BadParameter."""
    if not (names["prediction_id"] or names["external_id"] or names["entity_id"]):
        raise typer.BadParameter("name the prediction: its id, --external-id or --entity with --time")
    request = RecordFeedbackRequest(row=row)
    for field, value in names.items():
        setattr(request, field, value)
    if time:
        request.event_time.FromDatetime(time)
    return request
