"""Files into what they declare."""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from errno import EILSEQ, ENOENT
from pathlib import Path as FilePath
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from services.cli.declared.kinds import KINDS, RUNNING, STATES, Kind
from services.cli.declared.reading import Document, Path, Place, Problem, ProblemsError, documents
from services.cli.declared.shaping import Shaping, meant, said

STDIN = "-"
SUFFIXES = (".yaml", ".yml", ".json")


@dataclass
class Declared:
    """One object of a file, as it is to be. `name` is its resource name, `given` what stands in the file
    beside the message's own fields, `root` where it stands."""

    section: str
    name: str
    message: Any
    given: dict[str, Any]
    document: Document
    root: Path

    @property
    def kind(self) -> Kind:
        """What it is."""
        return KINDS[self.section]

    @property
    def id(self) -> str:
        """The last part of its name."""
        return self.name.rpartition("/")[2]

    def place(self, field: str = "") -> Place:
        """Where a field stands that a service names, as variants[1].weight or router.variants[1].weight;
        where the object does, if it is not in the file."""
        parts: list[str | int] = []
        for word, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", field):
            parts.append(int(number) if number else word)
        # A service speaks of its request, whose field the object is.
        for known in (self._known(parts), self._known(parts[1:])):
            if len(known) > len(self.root):
                return self.document.places[known]
        return self.document.place(self.root)

    def speaks_of(self, field: str) -> bool:
        """Whether the file has that field of it, be it empty."""
        return (*self.root, field) in self.document.places

    def _known(self, parts: list[str | int]) -> Path:
        """As much of the path as the file has."""
        path = (*self.root, *parts)
        while path not in self.document.places:
            path = path[:-1]
        return path


def declared(files: Iterable[str]) -> list[Declared]:
    """What the files declare, in the order in which one needs the other. A directory stands for the YAML
    and JSON files in it, - for standard input. Raises ProblemsError, OSError."""
    found, problems = list[Declared](), list[Problem]()
    for name, text in texts(files):
        try:
            for document in documents(text, name):
                shaping = Shaping(document)
                found += _objects(document, shaping)
                problems += shaping.problems
        except ProblemsError as wrong:
            problems += wrong.problems
    problems += _repeated(found)
    if problems:
        raise ProblemsError(problems)
    order = list(KINDS)
    return sorted(found, key=lambda one: order.index(one.section))


def texts(files: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Names and contents. Raises OSError."""
    for name in files:
        if name == STDIN:
            yield "stdin", sys.stdin.read()
            continue
        path = FilePath(name)
        inside = sorted(one for one in path.iterdir() if one.suffix in SUFFIXES) if path.is_dir() else [path]
        if not inside:
            raise FileNotFoundError(ENOENT, f"no file in it ends in {', '.join(SUFFIXES)}", name)
        for one in inside:
            try:
                yield str(one), one.read_text()
            except UnicodeDecodeError:
                raise OSError(EILSEQ, "is no text in UTF-8", str(one)) from None


def _objects(document: Document, shaping: Shaping) -> Iterator[Declared]:
    if not isinstance(document.value, dict):
        shaping.wrong((), f"is a mapping with {', '.join(KINDS)}; got {said(document.value)}")
        return
    for section, items in document.value.items():
        if section not in KINDS:
            shaping.wrong((section,), f"is no section; {meant(section, KINDS)}")
        elif items is not None and not isinstance(items, list):
            shaping.wrong((section,), f"is a list: write - before each {KINDS[section].word}")
        else:
            for number, item in enumerate(items or ()):
                yield from object_of(section, item, (section, number), document, shaping)


def object_of(
    section: str, item: Any, path: Path, document: Document, shaping: Shaping
) -> Iterator[Declared]:
    """What an item of a section declares; nothing where it is wrong, which `shaping` then knows."""
    kind, before = KINDS[section], len(shaping.problems)
    # What is no field of the message comes first: a router's state is one, which only a server sets.
    shaped = shaping.message(kind.message.DESCRIPTOR, item, path, kind.without, kind.also)
    given = {key: item[key] for key in kind.also if key in item} if isinstance(item, dict) else {}
    for key in kind.needed:
        if isinstance(item, dict) and not isinstance(item.get(key), str):
            shaping.wrong(path, f"needs a {key}, by which it is found")
    for key, value in given.items():
        if not isinstance(value, str):
            shaping.wrong((*path, key), f"is a text; got {said(value)}")
    if section == "routers" and given.get("state", RUNNING) not in STATES:
        shaping.wrong((*path, "state"), f"is what it is to be: one of {', '.join(STATES)}")
    if len(shaping.problems) == before:
        made = _parsed(kind.message(), shaped, path, shaping)
        if section in ("models", "routers"):
            made.name = f"{section}/{made.name.removeprefix(f'{section}/')}"
        yield Declared(section, _name(section, made, given), made, given, document, path)


def _parsed(message: Any, shaped: dict[str, Any], path: Path, shaping: Shaping) -> Any:
    try:
        return ParseDict(shaped, message)
    except ParseError as wrong:
        # Ranges of numbers and moments are what is left.
        shaping.wrong(path, str(wrong))
        return message


def _name(section: str, made: Message, given: dict[str, Any]) -> str:
    if section in ("models", "routers"):
        return str(made.name)  # type: ignore[attr-defined]
    model = given.get("model") or made.model  # type: ignore[attr-defined]
    name = f"models/{str(model).removeprefix('models/')}"
    own = made.baseline_id or FilePath(given["file"]).stem if section == "baselines" else ""  # type: ignore[attr-defined]
    return f"{name}/baselines/{own}" if own else f"{name}/alertConfig"


def _repeated(found: Iterable[Declared]) -> Iterator[Problem]:
    seen: dict[str, Declared] = {}
    for one in found:
        if (first := seen.setdefault(one.name, one)) is not one:
            yield Problem(one.place(), one.name, f"is declared twice, first at {first.place()}")
