"""A part of a condition, translated: its kind, and a closure that answers it for a request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.router.conditions.errors import BadCondition
from services.router.conditions.kinds import Kind
from services.router.conditions.syntax import Literal, Node
from services.router.conditions.view import View

# Raises RuleError and nothing else; otherwise the value is of the term's kind.
Run = Callable[[View], Any]


@dataclass(frozen=True, slots=True)
class Term:
    """`run` is None where only CEL knows the operation; its `parts` may be translated all the same.

    `names` are what it reads: features.x, attributes.x, headers.x, input.kind, input.text, entity_id, now,
    metrics.models/x, drift.models/x. `values` are all it can be, where that is a closed set. `exact` is False
    for numbers that were computed, and may be NaN. `column` is the view's mapping and the name that it is one
    look-up of; `among` the constants that its only part is looked for in.
    """

    node: Node
    kind: Kind
    run: Run | None
    parts: tuple["Term", ...] = ()
    names: frozenset[str] = frozenset()
    values: frozenset[str] | None = None
    exact: bool = True
    column: tuple[str, str] | None = None
    among: frozenset[Any] | None = None

    @property
    def constant(self) -> bool:
        """Whether it is a literal."""
        return isinstance(self.node, Literal)


def over(node: Node, kind: Kind, run: Run | None, *parts: Term, exact: bool = True) -> Term:
    """A term made of others; without a `run` of its own it is left to CEL."""
    names = frozenset[str]().union(*(part.names for part in parts))
    return Term(node, kind, run, parts, names, None, exact)


def need(term: Term, kind: Kind, what: str) -> None:
    """Raise BadCondition unless the term is of a kind, or of one that is not known yet."""
    if term.kind not in (kind, Kind.ANY) and not (kind is Kind.TEXT and term.kind is Kind.FREE):
        raise BadCondition(f"{what} needs {kind.value}, and gets {term.kind.value}")
