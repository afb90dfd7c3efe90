"""`turnout drift baseline`: a training set becomes what a model is compared with."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli.connecting import carry_out
from services.cli.drift import baseline_options as told
from services.cli.drift import baseline_view, tables
from services.cli.drift.options import Server
from services.cli.drift.sending import STDIN, send
from services.cli.options import Shape
from services.cli.speech import Output, document, tell

Model = Annotated[
    str, typer.Option("--model", "-m", help="The model, as churn-xgb-v2 or models/churn-xgb-v2.")
]


def baseline(
    file: told.File,
    model: Model,
    own: told.Id = "",
    form: told.Shape = told.FileFormat.AUTO,
    features: told.Features = None,
    rename: told.Rename = None,
    kinds: told.Kinds = None,
    prediction: told.Prediction = "",
    score: told.Score = "",
    weight: told.Weight = "",
    segments: told.Segments = None,
    importance: told.Importance = None,
    activate: told.Activate = True,
    counted: told.Counted = False,
    description: told.Description = "",
    encoding: told.Encoding = "",
    delimiter: told.Delimiter = "",
    missing: told.Missing = None,
    max_refused: told.MaxRefused = 0.01,
    dry_run: told.DryRun = False,
    request_id: told.RequestId = "",
    timeout: told.Timeout = 3600.0,
    server: Server = None,
    output: Shape = Output.TABLE,
) -> None:
    """Make a baseline of a training set, such as turnout drift baseline train.csv --model churn.

    The table says what was made of each column, and why; --kind, --rename and --feature say otherwise.
    """
    # In the order of the fields: what is typed here is what is sent.
    columns = (features, rename, kinds, prediction, score, weight, segments, importance)
    reading = (description, encoding, delimiter, missing, max_refused, dry_run, request_id)
    wishes = told.Wishes(model, own, form, *columns, activate, counted, *reading)
    header = wishes.header(_size(file))
    made = carry_out("drift", server, lambda suite: send(suite, header, file, timeout))
    if output is Output.TABLE:
        tables.show(baseline_view.made_view(made, dry_run=dry_run))
    else:
        tell(document(made), output)


def _size(file: Path) -> int:
    """Bytes of the file; 0 where nobody knows. Raises typer.BadParameter."""
    if str(file) == STDIN:
        if sys.stdin.isatty():
            raise typer.BadParameter("nothing comes from standard input")
        return 0
    if not file.exists():
        raise typer.BadParameter(f"there is no {file}")
    if file.is_dir():
        raise typer.BadParameter(f"{file} is a directory, and no file")
    return file.stat().st_size
