"""The lines of the cookbook: commands that a shell runs, each with what is shown of its answer."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.stories.reference import documents

PAGE = Path(__file__).parents[2] / "docs/cookbook.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Line(NamedTuple):
    """A command, and the block that follows it, if any: `kind` is json or text."""

    number: int
    command: str
    kind: str = ""
    shown: str = ""

    @property
    def lasts(self) -> bool:
        """Whether it follows what does not end, so that its deadline ends it."""
        return "-max-time 1 " in self.command or "-max-time 2 " in self.command

    @property
    def calls(self) -> str:
        """The RPC that it calls, as service/method; empty where it calls none."""
        found = re.search(r"(?:turnout|grpc|inference)\.[\w.]*/\w+", self.command)
        return found[0] if found else ""

    @property
    def request(self) -> Any:
        """The JSON that it sends; None where it sends none, or reads it from elsewhere."""
        words = shlex.split(self.command.replace("\\\n", " "))
        sent = words[words.index("-d") + 1] if "-d" in words else "@"
        return None if sent == "@" else next(documents(sent), None)


def lines(page: Path = PAGE) -> list[Line]:
    """Every command of the page, in order. Raises ValueError where an answer belongs to none."""
    return list(_paired(page))


def _paired(page: Path) -> Iterator[Line]:
    text, pending = page.read_text(), None
    for block in BLOCK.finditer(text):
        kind, content = block.groups()
        number = text[: block.start()].count("\n") + 2
        if not kind:
            if pending:
                yield pending
            pending = Line(number, content.strip())
        elif pending is None:
            raise ValueError(f"{page.name}:{number}: an answer without a command")
        else:
            if kind == "json":
                json.dumps(list(documents(content)))
            yield pending._replace(kind=kind, shown=content.strip())
            pending = None
    if pending:
        yield pending
