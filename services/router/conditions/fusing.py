"""One function for a whole condition: what its closures do one call each, Python's compiler puts in line.

The function stops at the first error. Where CEL would go on, because && or || may not need the part in error,
the closures have to be asked. So the function needs to be right only where nothing is wrong.
"""

import ast
from types import CodeType, FunctionType
from typing import Any

from services.router.conditions.arithmetic import NUMBERS
from services.router.conditions.comparing import EQUALITY, ORDER, SIMPLE
from services.router.conditions.functions import TESTS
from services.router.conditions.kinds import Kind
from services.router.conditions.syntax import Binary, Invoke, Literal, Logical, Unary
from services.router.conditions.terms import Run, Term

COMPARE: dict[str, type[ast.cmpop]] = {
    "==": ast.Eq,
    "!=": ast.NotEq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
}
COMPUTE: dict[str, type[ast.operator]] = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult}
INFIX = SIMPLE - {Kind.FREE}


def fused(term: Term) -> Run:
    """A function that answers as the term's closure does, or raises RuleError where that may still answer."""
    known: dict[str, Any] = {}
    tree = ast.parse("lambda view: view", "<condition>", "eval")
    function = tree.body
    assert isinstance(function, ast.Lambda)  # noqa: S101 - it was just written
    function.body = _expression(term, known)
    code = compile(ast.fix_missing_locations(tree), "<condition>", "eval")
    inner = next(constant for constant in code.co_consts if isinstance(constant, CodeType))
    fast: Run = FunctionType(inner, known)
    return fast


def _expression(term: Term, known: dict[str, Any]) -> ast.expr:
    """Python that has the term's value; `known` gets what it refers to by name."""
    if term.column is not None:
        source, name = term.column
        columns = ast.Attribute(ast.Name("view", ast.Load()), source, ast.Load())
        return ast.Subscript(columns, ast.Constant(name), ast.Load())
    if isinstance(term.node, Literal):
        return ast.Constant(term.node.value)
    made = _infix(term, known) if all(part.run is not None for part in term.parts) else None
    if made is not None:
        return made
    called = f"_{len(known)}"
    known[called] = term.run
    return ast.Call(ast.Name(called, ast.Load()), [ast.Name("view", ast.Load())], [])


def _infix(term: Term, known: dict[str, Any]) -> ast.expr | None:
    """The term in Python's own operators, where they mean the same as CEL's; else None."""
    kinds = {part.kind for part in term.parts}
    match term.node:
        case Logical(operator=sign, operands=operands) if len(operands) == len(term.parts):
            joint = ast.And() if sign == "&&" else ast.Or()
            return ast.BoolOp(joint, [_expression(part, known) for part in term.parts])
        case Unary(operator="!") if kinds == {Kind.BOOL}:
            return ast.UnaryOp(ast.Not(), _expression(term.parts[0], known))
        case Binary(operator="in") if term.among is not None:
            called = f"_{len(known)}"
            known[called] = term.among
            found = ast.Name(called, ast.Load())
            return ast.Compare(_expression(term.parts[0], known), [ast.In()], [found])
        case Binary(operator=sign) if len(term.parts) == 2:
            return _binary(sign, kinds, *term.parts, known)
        case Invoke(function=name) if name in TESTS and kinds == {Kind.TEXT}:
            on, given = (_expression(part, known) for part in term.parts)
            if name == "contains":
                return ast.Compare(given, [ast.In()], [on])
            return ast.Call(ast.Attribute(on, name.lower(), ast.Load()), [given], [])
    return None


def _binary(sign: str, kinds: set[Kind], left: Term, right: Term, known: dict[str, Any]) -> ast.expr | None:
    if sign in ORDER and not (left.exact and right.exact):
        return None
    if (sign in EQUALITY or sign in ORDER) and kinds <= INFIX and (len(kinds) == 1 or _constant_int(right)):
        one, other = _expression(left, known), _expression(right, known)
        if len(kinds) == 2:
            assert isinstance(right.node, Literal)  # noqa: S101 - or it were no constant
            other = ast.Constant(float(right.node.value or 0))
        return ast.Compare(one, [COMPARE[sign]()], [other])
    if sign in COMPUTE and sign in NUMBERS and kinds == {Kind.NUMBER}:
        return ast.BinOp(_expression(left, known), COMPUTE[sign](), _expression(right, known))
    return None


def _constant_int(right: Term) -> bool:
    """A whole constant after a number: compared as a double, like in CEL."""
    return right.kind is Kind.INT and right.constant
