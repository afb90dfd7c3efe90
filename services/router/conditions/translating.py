"""From a tree to closures, from the leaves up; what has no translation is left to CEL."""

from services.router.conditions import arithmetic, comparing, functions, logic, names, patterns
from services.router.conditions.errors import BadCondition
from services.router.conditions.kinds import Kind, Schema
from services.router.conditions.opaque import SCALAR_SAID, by_cel
from services.router.conditions.parsing import COMPARISONS
from services.router.conditions.syntax import (
    Binary,
    Conditional,
    Index,
    Invoke,
    Items,
    Literal,
    Logical,
    Node,
    Select,
    Unary,
)
from services.router.conditions.terms import Term, over

CONSTANTS = {bool: Kind.BOOL, str: Kind.TEXT, int: Kind.INT, float: Kind.NUMBER, type(None): Kind.NULL}
VALUES = frozenset({Kind.TEXT, Kind.BOOL, Kind.INT, Kind.NUMBER, Kind.FREE, Kind.ANY})


class Translator:
    """Translates one condition. `regex_size` adds up the instructions of its regular expressions."""

    def __init__(self, text: str, schema: Schema) -> None:
        self.text, self.schema, self.regex_size = text, schema, 0

    def condition(self, tree: Node) -> Term:
        """The whole condition. Raises BadCondition for unknown names, and kinds that do not fit."""
        term = self.settled(self.term(tree))
        if term.kind is Kind.ANY:
            term = by_cel(term, self.text)
        if term.kind is not Kind.BOOL:
            raise BadCondition(f"is {term.kind.value}; a condition must be true or false")
        return term

    def value(self, tree: Node) -> Term:
        """The whole as something that has a text. Raises BadCondition as `condition` does."""
        term = self.settled(self.term(tree))
        if term.kind not in VALUES:
            raise BadCondition(f"is {term.kind.value}; it must be {SCALAR_SAID}")
        return term if term.run is not None else by_cel(term, self.text, Kind.ANY)

    def settled(self, term: Term) -> Term:
        """The term with a closure, if it is true or false."""
        return by_cel(term, self.text) if term.run is None and term.kind is Kind.BOOL else term

    def term(self, node: Node) -> Term:
        """Any part. What is wrong with it is told with its place, the innermost one."""
        try:
            return self._term(node)
        except BadCondition as wrong:
            raise wrong.at(node.start, self.text[node.start : node.end]) from None

    def _term(self, node: Node) -> Term:
        leaf = names.leaf(node, self.schema)
        if leaf is not None:
            return leaf
        match node:
            case Literal():
                return _constant(node)
            case Logical():
                return logic.joined(node, tuple(self.settled(self.term(one)) for one in node.operands))
            case Unary():
                return self.unary(node)
            case Binary():
                return self.binary(node)
            case Conditional():
                test, yes, no = (self.settled(self.term(one)) for one in (node.test, node.yes, node.no))
                return logic.chosen(node, test, yes, no)
            case Invoke():
                return self.call(node)
            case Items():
                kind = Kind.MAP if node.is_map else Kind.LIST
                return over(node, kind, None, *(self.term(one) for one in node.items))
            case Index() | Select():
                return self.part(node)
        raise BadCondition(f"has something unknown at character {node.start + 1}")

    def unary(self, node: Unary) -> Term:
        """`!` or `-`."""
        if node.operator == "!":
            return logic.inverted(node, self.settled(self.term(node.of)))
        return arithmetic.negate(node, self.term(node.of))

    def binary(self, node: Binary) -> Term:
        """A comparison or arithmetic."""
        left, right = self.term(node.left), self.term(node.right)
        if node.operator == "in":
            return comparing.contained(node, left, right)
        if node.operator in COMPARISONS:
            return comparing.compare(node, node.operator, left, right)
        return arithmetic.compute(node, node.operator, left, right)

    def call(self, node: Invoke) -> Term:
        """A function."""
        on = self.term(node.on) if node.on is not None else None
        made = functions.call(node, on, tuple(self.term(one) for one in node.args))
        if node.function == "matches" and isinstance(node.args[0], Literal):
            self.regex_size += patterns.compiled(str(node.args[0].value)).programsize
        return made

    def part(self, node: Index | Select) -> Term:
        """An item of a list or a map that stands in the condition itself."""
        of = self.term(node.of)
        if of.kind not in (Kind.LIST, Kind.MAP, Kind.ANY):
            raise BadCondition(f"takes a part of {of.kind.value}, which has none")
        parts = (of, self.term(node.key)) if isinstance(node, Index) else (of,)
        return over(node, Kind.ANY, None, *parts)


def _constant(node: Literal) -> Term:
    value = node.value
    if not node.plain or value is None:
        return Term(node, Kind.ANY if value is not None else Kind.NULL, None)
    return Term(node, CONSTANTS[type(value)], lambda _: value)
