"""What `turnout predict` and `turnout explain` can be told."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli import durations
from services.cli.completing import routers

Router = Annotated[str, typer.Argument(help="The router, as churn or routers/churn.", autocompletion=routers)]
What = Annotated[
    str,
    typer.Argument(
        metavar="ROUTER|PREDICTION", help="A router, or a prediction's id.", autocompletion=routers
    ),
]
Row = Annotated[
    list[str] | None,
    typer.Option("--row", "-r", metavar="NAME=VALUE", help="A feature; again for each of them."),
]
Text = Annotated[str | None, typer.Option(help="A text to ask about.")]
Chat = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[ROLE:] TEXT", help="A message of a chat (user, if nobody is named); again for more."
    ),
]
Json = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="FILE|-", help="A request, an input or a row as JSON; - is standard input."
    ),
]
Rows = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A prediction for each row of a CSV or NDJSON file.")
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="With --rows: where answers go, .csv or NDJSON; else standard output."),
]
Batch = Annotated[int, typer.Option(min=1, max=1000, help="With --rows: rows sent together.")]
Entity = Annotated[
    str, typer.Option(help="Unit of stickiness, such as a user's id; with --rows, the column that has it.")
]
ExternalId = Annotated[
    str, typer.Option(help="Your own key of the prediction; with --rows, the column that has it.")
]
Attribute = Annotated[
    list[str] | None,
    typer.Option("--attribute", "-a", metavar="NAME=VALUE", help="Seen by policies only."),
]
Variant = Annotated[str, typer.Option(help="Pin a variant; it takes an editor.")]
EventTime = Annotated[
    datetime | None,
    typer.Option(parser=durations.moment, metavar="MOMENT", help="When it happened; ISO 8601."),
]
Stream = Annotated[bool, typer.Option("--stream", help="Show a text as it is written.")]
Draw = Annotated[float | None, typer.Option("--u", min=0, max=1, help="The draw to explain, from 0 up to 1.")]
Generation = Annotated[int, typer.Option(min=0, help="Decide by this generation; else by what is served.")]
