"""What commands on a model can be told."""

from typing import Annotated

import typer

from services.cli import completing

Name = Annotated[
    str,
    typer.Argument(
        help="The model, as churn-xgb-v2 or models/churn-xgb-v2.", autocompletion=completing.models
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Let the service check it, and change nothing.")]
