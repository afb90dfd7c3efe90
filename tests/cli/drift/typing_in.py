"""What a process does that is a command: it has nothing of ours but what it is told."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.cli.drift import application


def type_in(words: Sequence[str], environment: Mapping[str, str], directory: Path, typed: Path) -> None:
    """Be `turnout drift` with these words; what it prints goes to files beside `typed`."""
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{typed}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    application()(list(words), prog_name="turnout drift")


def said(typed: Path) -> tuple[str, str]:
    """What it printed: output and complaints."""
    return Path(f"{typed}.out").read_text(), Path(f"{typed}.err").read_text()
