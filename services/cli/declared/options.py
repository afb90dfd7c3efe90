"""What `apply` and `diff` can be told, and how their files are read."""

from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from services.cli.complaints import USAGE, say, unusable
from services.cli.declared.loading import Declared, declared
from services.cli.declared.reading import ProblemsError

Files = Annotated[
    list[str],
    typer.Option(
        "--file",
        "-f",
        metavar="FILE|DIR|-",
        help="YAML or JSON that declares models, baselines, alert_configs and routers; may be given again.",
        show_default=False,
    ),
]


def read(files: Sequence[str]) -> list[Declared]:
    """What the files declare. What is wrong with them is told, each with its place, and ends the command."""
    try:
        return declared(files)
    except ProblemsError as wrong:
        tell_and_end(wrong)
    except OSError as failed:
        unusable(failed)


def tell_and_end(wrong: ProblemsError) -> NoReturn:
    """Tell every problem with its place, and end the command."""
    for one in wrong.problems:
        say(f"turnout: {one}")
    raise typer.Exit(USAGE) from None
