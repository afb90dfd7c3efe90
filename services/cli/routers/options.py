"""What commands on a router can be told."""

from typing import Annotated

import typer

from services.cli import completing

Name = Annotated[
    str, typer.Argument(help="The router, as churn or routers/churn.", autocompletion=completing.routers)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Let the service check it, and change nothing.")]
Etag = Annotated[
    str, typer.Option(help="Change it only if it is still the one with this etag.", show_default=False)
]
