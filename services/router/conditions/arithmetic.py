"""Sums, products and negations, as CEL computes them: kinds are never mixed, and nothing wraps around."""

import math
import operator
from collections.abc import Callable

from services.router.conditions.errors import BadCondition, RuleError
from services.router.conditions.kinds import NUMERIC, Kind
from services.router.conditions.syntax import Node
from services.router.conditions.terms import Run, Term, over
from services.router.conditions.view import LONGEST_TEXT, View

LEAST_INT, GREATEST_INT = -(2**63), 2**63 - 1
UNKNOWN = frozenset({Kind.ANY, Kind.FREE})
# What only CEL computes, by sign and kinds.
OF_CEL = {
    ("-", Kind.MOMENT, Kind.MOMENT): Kind.SPAN,
    ("-", Kind.MOMENT, Kind.SPAN): Kind.MOMENT,
    ("+", Kind.MOMENT, Kind.SPAN): Kind.MOMENT,
    ("+", Kind.SPAN, Kind.MOMENT): Kind.MOMENT,
    ("+", Kind.SPAN, Kind.SPAN): Kind.SPAN,
    ("-", Kind.SPAN, Kind.SPAN): Kind.SPAN,
    ("+", Kind.LIST, Kind.LIST): Kind.LIST,
}


def divided(one: float, other: float) -> float:
    """IEEE division: by zero it is infinite, or NaN."""
    if other == 0:
        return math.nan if one == 0 or one != one else math.copysign(math.inf, one) * math.copysign(1, other)
    return one / other


def quotient(one: int, other: int) -> int:
    """Whole division towards zero. Raises RuleError for a zero divisor."""
    if other == 0:
        raise RuleError("division by zero")
    found = abs(one) // abs(other)
    return found if (one < 0) == (other < 0) else -found


def remainder(one: int, other: int) -> int:
    """What `quotient` leaves, with the dividend's sign; the least whole number over -1 has none."""
    return one - within(quotient(one, other)) * other


def within(value: int) -> int:
    """The value. Raises RuleError where 64 bits do not hold it."""
    if not LEAST_INT <= value <= GREATEST_INT:
        raise RuleError("a whole number overflows 64 bits")
    return value


NUMBERS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": divided,
}
INTS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": quotient,
    "%": remainder,
}


def compute(node: Node, sign: str, left: Term, right: Term) -> Term:
    """`left sign right`. Raises BadCondition for kinds that CEL does not combine."""
    kinds = (left.kind, right.kind)
    if UNKNOWN & set(kinds):
        return over(node, Kind.ANY, None, left, right)
    if kinds == (Kind.NUMBER, Kind.NUMBER) and sign in NUMBERS:
        return over(node, Kind.NUMBER, _numbers(NUMBERS[sign], left, right), left, right, exact=False)
    if kinds == (Kind.INT, Kind.INT):
        return over(node, Kind.INT, _ints(INTS[sign], left, right), left, right)
    if kinds == (Kind.TEXT, Kind.TEXT) and sign == "+":
        return over(node, Kind.TEXT, _joined(left, right), left, right)
    if (found := OF_CEL.get((sign, *kinds))) is not None:
        return over(node, found, None, left, right)
    hint = ""
    if NUMERIC.issuperset(kinds):
        hint = "; write int(x) % 2" if sign == "%" else "; write 2.0 for 2, or double(x)"
    raise BadCondition(f"has {sign} between {left.kind.value} and {right.kind.value}{hint}")


def negate(node: Node, term: Term) -> Term:
    """`-term`."""
    run = term.run
    if term.kind is Kind.NUMBER:
        negated = None if run is None else (lambda view: -run(view))
        return over(node, Kind.NUMBER, negated, term, exact=term.exact)
    # The least whole number has no opposite: what becomes of it is CEL's to say.
    if term.kind in (Kind.INT, *UNKNOWN):
        return over(node, Kind.INT if term.kind is Kind.INT else Kind.ANY, None, term)
    raise BadCondition(f"has - before {term.kind.value}")


def _numbers(compute: Callable[[float, float], float], left: Term, right: Term) -> Run | None:
    first, second = left.run, right.run
    if first is None or second is None:
        return None
    return lambda view: compute(first(view), second(view))


def _ints(compute: Callable[[int, int], int], left: Term, right: Term) -> Run | None:
    first, second = left.run, right.run
    if first is None or second is None:
        return None
    return lambda view: within(compute(first(view), second(view)))


def _joined(left: Term, right: Term) -> Run | None:
    first, second = left.run, right.run
    if first is None or second is None:
        return None

    def run(view: View) -> str:
        text: str = first(view) + second(view)
        if len(text) > LONGEST_TEXT:
            raise RuleError(f"a text grows beyond {LONGEST_TEXT} characters")
        return text

    return run
