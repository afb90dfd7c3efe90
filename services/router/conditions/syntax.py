"""A condition as a tree. Each node knows where it stands in the text."""

from dataclasses import dataclass
from typing import Literal as OneOf

from services.router.conditions.errors import BadCondition

# A sum of forty features is this deep; each level is a frame or two of Python's stack when it is evaluated.
DEEPEST = 40

Constant = str | float | int | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """Text from `start` to before `end`; `depth` is 1 for a leaf."""

    start: int
    end: int
    depth: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant. `plain` is False for the few whose value is CEL's business (1u)."""

    value: Constant
    plain: bool = True


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A bare name."""

    name: str


@dataclass(frozen=True, slots=True)
class Select(Node):
    """`of.name`."""

    of: Node
    name: str


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`of[key]`."""

    of: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Invoke(Node):
    """`function(args)`, or `on.function(args)`."""

    function: str
    on: Node | None
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`!` or `-`."""

    operator: str
    of: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """A comparison, `in`, or arithmetic."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logical(Node):
    """Two or more operands under one `&&` or `||`."""

    operator: OneOf["&&", "||"]
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    """`test ? yes : no`."""

    test: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Items(Node):
    """A list, or the keys and values of a map in turn."""

    items: tuple[Node, ...]
    is_map: bool = False


def depth_over(*parts: Node | None) -> int:
    """Depth of a node over its parts. Raises BadCondition where it is too deep."""
    depth = 1 + max((part.depth for part in parts if part is not None), default=0)
    if depth > DEEPEST:
        raise BadCondition(f"is nested more than {DEEPEST} levels deep")
    return depth
