"""What most commands of `turnout drift` can be told, spelled once."""

from typing import Annotated

import typer
from turnout.drift.v1.segment_pb2 import Segment

from services.cli.options import DriftServer

Server = DriftServer
Model = Annotated[str, typer.Argument(help="The model, as churn-xgb-v2 or models/churn-xgb-v2.")]
ExitCode = Annotated[
    bool,
    typer.Option("--exit-code", help="End with 3 where something drifts, and with 4 where too few rows say."),
]
Piece = Annotated[
    str | None, typer.Option("--segment", metavar="NAME=VALUE", help="Only this part of the traffic.")
]


def segment_of(text: str | None) -> Segment | None:
    """A segment as people type it: NAME=VALUE."""
    if text is None:
        return None
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise typer.BadParameter(f"--segment {text!r}: write NAME=VALUE, such as region=north")
    return Segment(name=name, value=value)
