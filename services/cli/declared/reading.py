"""YAML with the place of every value: what is wrong is told where it stands.

Of YAML 1.1 only what people mean: `no` and `on` are words, 010 and 1:30 and 2026-11-22 too; a key that is
given twice is an error, which every loader of YAML should have told.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

Path = tuple[str | int, ...]

# Far more than people write; aliases of aliases would make billions of a few lines.
MOST_VALUES = 100_000
DEEPEST = 60
TOO_MUCH = f"more than {MOST_VALUES:,} values, or too deep"
# What the library says of a tab is about tokens.
TAB = "found character '\\t' that cannot start any token"


class Place(NamedTuple):
    """Where something stands, counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """Something that is wrong: where, which field, and what would have been right."""

    place: Place
    field: str
    said: str

    def __str__(self) -> str:
        return f"{self.place}: {self.field}: {self.said}" if self.field else f"{self.place}: {self.said}"


class ProblemsError(ValueError):
    """What was given cannot be used; has every problem that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass
class Document:
    """One document of a file: its plain values, and where each of them stands."""

    value: Any
    places: dict[Path, Place] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """Where a value stands; where the nearest one around it does, if it does not exist."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]


class _Plain(yaml.SafeLoader):
    """Loads null, true, false and decimal numbers; everything else is a text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012
    deep = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        # The library calls itself for what is inside, and ends in a RecursionError.
        self.deep += 1
        if self.deep > DEEPEST + 2:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, TOO_MUCH, mark)
        node = super().compose_node(parent, index)
        self.deep -= 1
        return node


_EXPONENT = r"([eE][-+]?[0-9]+)"
for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", rf"[-+]?(([0-9]+\.[0-9]*|\.[0-9]+){_EXPONENT}?|[0-9]+{_EXPONENT})", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Plain.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)
# The library's own does not take 1e-3, which its resolver would not have shown to it.
_Plain.add_constructor("tag:yaml.org,2002:float", lambda _, node: float(node.value))


def documents(text: str, file: str) -> Iterator[Document]:
    """The documents of a text that are not empty. Raises ProblemsError for what is no YAML."""
    try:
        yield from _documents(_Plain(text), file)
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        told = "a tab: indent with spaces" if wrong.problem == TAB else wrong.problem
        raise ProblemsError([Problem(place, "", told or "this is no YAML")]) from None
    except yaml.YAMLError as wrong:
        raise ProblemsError([Problem(Place(file, 1, 1), "", f"this is no YAML: {wrong}")]) from None


def _documents(loader: _Plain, file: str) -> Iterator[Document]:
    try:
        while loader.check_node():
            document = Document(None)
            document.value = _Reader(loader, file, document).read(loader.get_node(), ())
            if document.value is not None:
                yield document
    finally:
        loader.dispose()


class _Reader:
    """Makes values of the nodes of one document."""

    def __init__(self, loader: _Plain, file: str, document: Document) -> None:
        self._loader = loader
        self._file = file
        self._places = document.places
        self._count = 0

    def read(self, node: Any, path: Path) -> Any:
        self._places.setdefault(path, self._place(node))
        self._count += 1
        if self._count > MOST_VALUES or len(path) > DEEPEST:
            raise ProblemsError([Problem(self._place(node), "", TOO_MUCH)])
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, number)) for number, item in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        own = {key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"}
        if len(own) < sum(key.tag != "tag:yaml.org,2002:merge" for key, _ in node.value):
            self._refuse_repetition(node)
        self._loader.flatten_mapping(node)
        found: dict[str, Any] = {}
        for key, value in node.value:
            # What is merged in stands first, and gives way to what is written here.
            self._places[(*path, str(key.value))] = self._place(key)
            found[str(key.value)] = self.read(value, (*path, str(key.value)))
        return found

    def _refuse_repetition(self, node: yaml.MappingNode) -> None:
        seen: dict[str, Any] = {}
        for key, _ in node.value:
            if key.value in seen:
                first = seen[key.value].start_mark.line + 1
                said = f"is given twice, first in line {first}"
                raise ProblemsError([Problem(self._place(key), str(key.value), said)])
            seen[key.value] = key

    def _place(self, node: Any) -> Place:
        return Place(self._file, node.start_mark.line + 1, node.start_mark.column + 1)
