"""Comparisons and `in`, as CEL answers them."""

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.router.conditions.errors import BadCondition, RuleError
from services.router.conditions.kinds import NUMERIC, Kind, comparable
from services.router.conditions.syntax import Items, Literal, Node
from services.router.conditions.terms import Run, Term, over
from services.router.conditions.view import View

Compare = Callable[[Any, Any], bool]

EQUALITY: dict[str, Compare] = {"==": operator.eq, "!=": operator.ne}
ORDER: dict[str, Compare] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
SIMPLE = NUMERIC | {Kind.TEXT, Kind.BOOL, Kind.MOMENT, Kind.FREE}
UNORDERED = frozenset({Kind.LIST, Kind.MAP, Kind.NULL})


def compare(node: Node, sign: str, left: Term, right: Term) -> Term:
    """`left sign right`. Raises BadCondition where the kinds can never be compared."""
    if not comparable(left.kind, right.kind):
        said = f"compares {left.kind.value} with {right.kind.value}"
        raise BadCondition(f"{said}{_meant(left, right) or _meant(right, left)}")
    for one, other in ((left, right), (right, left)):
        _check_values(one, other)
    if sign in ORDER and UNORDERED & {left.kind, right.kind}:
        raise BadCondition(f"has {sign} between values that have no order")
    if left.run is None or right.run is None or not {left.kind, right.kind} <= SIMPLE:
        return over(node, Kind.BOOL, None, left, right)
    test = EQUALITY.get(sign) or ORDER[sign]
    first, second = _cast(left, right), _cast(right, left)
    # A computed number may be NaN, and an undeclared name of either kind: both have no order.
    careful = sign in ORDER and not (left.exact and right.exact and Kind.FREE not in (left.kind, right.kind))
    return over(node, Kind.BOOL, _comparison(test, first, second, careful), left, right)


def _meant(named: Term, constant: Term) -> str:
    if not isinstance(constant.node, Literal) or not named.names:
        return ""
    attribute = next((name for name in named.names if name.startswith("attributes.")), None)
    if named.kind is Kind.TEXT and constant.kind in NUMERIC:
        if attribute is not None and named.column is not None:
            return f"; declare {attribute} as ATTRIBUTE_TYPE_NUMBER in router.attributes, or write '…'"
        return "; write the value in quotes"
    return "; write a number, without quotes" if named.kind in NUMERIC and constant.kind is Kind.TEXT else ""


def _comparison(test: Compare, first: Run, second: Run, careful: bool) -> Run:
    if not careful:
        return lambda view: test(first(view), second(view))

    def run(view: View) -> bool:
        one, other = first(view), second(view)
        if one != one or other != other:
            raise RuleError("a computed number is NaN, which has no order")
        try:
            return test(one, other)
        except TypeError as wrong:
            raise RuleError("a number is compared with text; declare the attribute's type") from wrong

    return run


def _check_values(one: Term, other: Term) -> None:
    if one.values is not None and isinstance(other.node, Literal) and other.node.value not in one.values:
        offered = ", ".join(sorted(one.values))
        raise BadCondition(
            f"compares with {str(other.node.value)[:64]!r}, which never is; there are: {offered}"
        )


def _cast(term: Term, other: Term) -> Run:
    """CEL compares a whole number with a number as two doubles, rounding the former."""
    run = term.run
    assert run is not None  # noqa: S101 - only called for translated terms
    if term.kind is Kind.INT and other.kind in (Kind.NUMBER, Kind.FREE):
        return lambda view: float(run(view))
    return run


def contained(node: Node, left: Term, right: Term) -> Term:
    """`left in right`: translated for a list of constants, CEL's for anything else."""
    if right.kind not in (Kind.LIST, Kind.MAP, Kind.ANY):
        raise BadCondition(f"has `in` before {right.kind.value}; it needs a list, as in x in ['a', 'b']")
    if not isinstance(right.node, Items) or right.node.is_map:
        return over(node, Kind.BOOL, None, left, right)
    for item in right.parts:
        if not comparable(left.kind, item.kind):
            raise BadCondition(f"looks for {left.kind.value} in a list that holds {item.kind.value}")
        _check_values(left, item)
    run = left.run
    if run is None or not all(item.constant for item in right.parts):
        return over(node, Kind.BOOL, None, left, right)
    kinds = {item.kind for item in right.parts}
    if left.kind is Kind.NUMBER or (left.kind is Kind.FREE and kinds <= NUMERIC | {Kind.TEXT}):
        found = frozenset(_as_free(item) for item in right.parts)
    elif kinds <= {left.kind} and left.kind in (Kind.TEXT, Kind.INT, Kind.BOOL):
        found = frozenset(_value(item) for item in right.parts)
    else:
        return over(node, Kind.BOOL, None, left, right)
    asked = over(node, Kind.BOOL, lambda view: run(view) in found, left)
    return replace(asked, among=found)


def _value(item: Term) -> Any:
    return item.node.value if isinstance(item.node, Literal) else None


def _as_free(item: Term) -> Any:
    return float(_value(item)) if item.kind in NUMERIC else _value(item)
