"""Guides: pages for users whose every block of code is run, in order, on a live suite.

A block is a command (grpcurl, curl, turnout) or a Python program, each followed by what of its answer
is shown: `json` of a call, `text` of a program's words or of the error that a call ends in.
`docs/reference/routing.md` explains the marks. A block of another kind (yaml, go, mermaid) is for
reading, and so is one that begins with a word of READ.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
GUIDES = {
    path.stem: path
    for path in (ROOT / "docs/how-to").glob("*.md")
    if path.stem
    in {
        "first-prediction",
        "canary",
        "bandit",
        "jury",
        "drift",
        "migrate-seldon",
        "migrate-kserve",
        "migrate-litellm",
    }
}
PROGRAMS = ("grpcurl", "curl", "turnout", "python")
# Commands that set up what the tests have already, or that a reader follows elsewhere.
READ = ("make", "cd", "git", "go", "npm", "buf", "export", "pip", "node", ".venv/bin/pip")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """Something to do: `program` is one of PROGRAMS, `shown` what of its answer is shown, of `kind` json or
    text, or empty."""

    line: int
    program: str
    text: str
    kind: str = ""
    shown: str = ""


def steps(page: Path) -> list[Step]:
    """What a page does. Raises ValueError where a block is of no known kind, or answers nothing."""
    text, found = page.read_text(), list[Step]()
    for block in _BLOCK.finditer(text):
        kind, content = block.groups()
        line = text[: block.start()].count("\n") + 2
        first = content.split(maxsplit=1)[0]
        if kind == "python":
            found.append(Step(line, "python", content))
        elif kind in ("json", "text"):
            if not found or found[-1].shown:
                raise ValueError(f"{page.name}:{line}: an answer without a command")
            found[-1] = found[-1]._replace(kind=kind, shown=content.strip())
        elif kind in ("", "sh"):
            if first in PROGRAMS:
                found.append(Step(line, first, content.strip()))
            elif first not in READ:
                raise ValueError(f"{page.name}:{line}: {first} is none of {', '.join((*PROGRAMS, *READ))}")
    return found


def commands_of_make(page: Path) -> Iterator[str]:
    """The targets of make that a page names, in blocks or in words."""
    yield from re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE)
