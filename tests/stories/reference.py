"""The examples of the reference: grpcurl lines with the interesting part of what they answer.

A page holds fenced blocks: a command that begins with `grpcurl`, and after it a `json` block with what its
answer contains, or a `text` block with the error that it ends in. `docs/reference/routing.md` explains the
marks to readers: "…" stands for what varies, $name for the last value of that name in the page's answers.
"""

import json
import math
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [page for page in sorted((ROOT / "docs/reference").glob("*.md")) if "\ngrpcurl " in page.read_text()]
VARIES = "…"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ERROR = re.compile(r"ERROR:\n  Code: (\w+)\n  Message: (.+)", re.DOTALL)


class Example(NamedTuple):
    """One command of a page. `shown` are the documents that its answer begins with; `error` the code and the
    message that it ends in."""

    line: int
    command: str
    shown: list[Any]
    error: tuple[str, str] | None

    @property
    def words(self) -> list[str]:
        """The command as a shell splits it."""
        return shlex.split(self.command.replace("\\\n", " "))

    @property
    def method(self) -> str:
        """The RPC, as service/method."""
        return self.words[-1]


def examples(page: Path, program: str = "grpcurl") -> list[Example]:
    """Every command of a page that calls `program`, in order. Raises ValueError where a block belongs to no
    command."""
    text, found = page.read_text(), list[Example]()
    for block in _BLOCK.finditer(text):
        kind, content = block.groups()
        line = text[: block.start()].count("\n") + 2
        if content.startswith(f"{program} "):
            found.append(Example(line, content.strip(), [], None))
        elif kind in ("json", "text"):
            if not found or found[-1].shown or found[-1].error:
                raise ValueError(f"{page.name}:{line}: an answer without a command")
            found[-1] = _answered(found[-1], kind, content)
    return found


def _answered(example: Example, kind: str, content: str) -> Example:
    if kind == "json":
        return example._replace(shown=list(documents(content)))
    told = _ERROR.fullmatch(content.strip())
    if told is None:
        raise ValueError(f"line {example.line}: an error is shown as grpcurl shows it, with Code and Message")
    return example._replace(error=(told[1], told[2]))


def documents(text: str) -> Iterator[Any]:
    """The JSON documents of a text, one after another; what is cut off at its end is left out."""
    decoder, rest = json.JSONDecoder(), text.lstrip()
    while rest:
        try:
            document, end = decoder.raw_decode(rest)
        except json.JSONDecodeError:
            return
        yield document
        rest = rest[end:].lstrip()


def missing(shown: Any, got: Any, place: str = "answer") -> Iterator[str]:
    """What is shown and not in the answer: fields may come on top, "…" stands for anything, and a list that
    ends in it goes on."""
    if isinstance(shown, dict) and isinstance(got, dict):
        for key, value in shown.items():
            if key in got:
                yield from missing(value, got[key], f"{place}.{key}")
            else:
                yield f"{place}.{key} is not there, only {sorted(got)}"
    elif isinstance(shown, list) and isinstance(got, list):
        yield from _missing_items(shown, got, place)
    elif not _same(shown, got):
        yield f"{place}: shown as {shown!r}, is {got!r}"


def _missing_items(shown: list[Any], got: list[Any], place: str) -> Iterator[str]:
    goes_on = bool(shown) and shown[-1] == VARIES
    wanted = shown[:-1] if goes_on else shown
    if len(got) < len(wanted) or (len(got) > len(wanted) and not goes_on):
        yield f"{place}: {len(wanted)} shown, {len(got)} there"
    for number, (one, other) in enumerate(zip(wanted, got, strict=False)):
        yield from missing(one, other, f"{place}[{number}]")


def _same(shown: Any, got: Any) -> bool:
    if isinstance(shown, str) and VARIES in shown:
        return shown == VARIES or (isinstance(got, str) and alike(shown, got))
    if type(shown) in (int, float) and type(got) in (int, float):
        return math.isclose(shown, got, rel_tol=1e-6)
    return bool(shown == got)


def alike(shown: str, got: str) -> bool:
    """Whether a text is the shown one, with anything where "…" stands."""
    pattern = ".*".join(map(re.escape, shown.split(VARIES)))
    return re.fullmatch(pattern, got, re.DOTALL) is not None
