"""`turnout demo`, also `python -m examples.demo`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from examples.demo.backstage import NoSuiteError
from examples.demo.options import LEAST_REQUESTS, Options, Without
from examples.demo.register import OtherAddressError
from examples.demo.show import show
from services.foundation.errors import RemoteError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def demo(
    seed: Annotated[
        int, typer.Option(min=0, help="Of the order of rows and of everything else we draw.")
    ] = 1,
    requests: Annotated[int, typer.Option(min=LEAST_REQUESTS, help="Predictions, about.")] = 2400,
    without: Annotated[
        list[Without] | None, typer.Option(help="Take something away, and see the demo's claims fail.")
    ] = None,
    ready: Annotated[
        Path | None, typer.Option(help="Play on the running suite of this ready file.", exists=True)
    ] = None,
    prefix: Annotated[str, typer.Option(help="Goes before the names of models and routers.")] = "",
) -> None:
    """Real models, real data, the whole suite: what it does, shown and checked, in a minute or two.

    Ends with 0 if everything that is claimed happened, with 1 if not.
    """
    console = Console()
    if not console.is_terminal:
        # A log has no width; eighty columns would cut the tables.
        console = Console(width=140)
    try:
        held = asyncio.run(show(Options(seed, requests, frozenset(without or ()), prefix), ready, console))
    except NoSuiteError as failed:
        words = f"There is no suite to play on: {failed}"
    except (RemoteError, OtherAddressError) as failed:
        words = f"The demo failed: the suite refused a call: {failed}"
    else:
        raise typer.Exit(0 if held else 1)
    console.print(words, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app(prog_name="turnout demo")
