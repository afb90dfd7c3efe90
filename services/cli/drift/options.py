"""What most commands of `turnout drift` can be told, spelled once."""

from typing import Annotated

import typer

from services.cli.speech import Output

Model = Annotated[str, typer.Argument(help="The model, as churn-xgb-v2 or models/churn-xgb-v2.")]
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        help="The drift service; else what TURNOUT_CLI_DRIFT says, the ready file of TURNOUT_CLI_READY_FILE, "
        "the suite of this directory, or 127.0.0.1:50054.",
        show_default=False,
    ),
]
Shape = Annotated[Output, typer.Option("--output", "-o", help="How the answer is shown.")]
ExitCode = Annotated[
    bool,
    typer.Option("--exit-code", help="End with 3 where something drifts, and with 4 where too few rows say."),
]
