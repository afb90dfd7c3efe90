"""What only CEL knows: a part of a condition runs there, with its translated parts as variables."""

import itertools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import cel

from services.router.conditions.errors import BadCondition, RuleError
from services.router.conditions.kinds import Kind
from services.router.conditions.terms import Run, Term, over
from services.router.conditions.view import View

# Everything that an evaluation raises; anything else is a fault of ours.
FAILURES = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
# Values to try a program on before it is stored.
SAMPLES: Mapping[Kind, tuple[Any, ...]] = {
    Kind.NUMBER: (1.5, 0.0),
    Kind.INT: (1, 0),
    Kind.TEXT: ("a", "1"),
    Kind.BOOL: (True, False),
    Kind.MOMENT: (datetime(2026, 1, 1, tzinfo=UTC),),
    Kind.FREE: (1.5, "a"),
}
MOST_TRIALS = 64
SCALAR, SCALAR_SAID = (str, bool, int, float), "text, a number, true or false"


def constant_of(text: str, given: str) -> Any:
    """The value of an expression over the constant `given`. Raises BadCondition if it has none."""
    try:
        return cel.compile(text).execute({"given": given})
    except FAILURES as wrong:
        raise BadCondition(f"cannot be evaluated: {str(wrong)[:200]}") from wrong


def by_cel(term: Term, text: str, kind: Kind = Kind.BOOL) -> Term:
    """The term, run by CEL; `text` is the whole condition. Raises BadCondition for what always fails.

    `kind` is BOOL, or ANY for a text, a number, true or false."""
    variables, source = _cut(term, text)
    fitting, needed = (bool, "true or false") if kind is Kind.BOOL else (SCALAR, SCALAR_SAID)
    program = cel.compile(source)
    _try(program, variables)
    runs: dict[str, Run] = {name: part.run for name, part in variables.items() if part.run is not None}

    def run(view: View) -> Any:
        def value(name: str) -> object:
            try:
                return runs[name](view) if name in runs else None
            except RuleError:
                # To CEL the variable is then undefined: an error that && and || absorb as they should.
                return None

        context = cel.Context()
        context.set_variable_resolver(value)
        try:
            found = program.execute(context)
        except FAILURES as wrong:
            raise RuleError(f"CEL: {str(wrong)[:200]}") from wrong
        if not isinstance(found, fitting):
            raise RuleError(f"is {type(found).__name__}, where {needed} is needed")
        return found

    return over(term.node, kind, run, term)


def _cut(term: Term, text: str) -> tuple[dict[str, Term], str]:
    """The largest translated parts as variables, and the text with their names in their places."""
    variables: dict[str, Term] = {}
    pieces, place = [], term.node.start
    for part in sorted(_translated(term), key=lambda one: one.node.start):
        name = f"_{len(variables)}"
        variables[name] = part
        pieces += [text[place : part.node.start], f" {name} "]
        place = part.node.end
    return variables, "".join([*pieces, text[place : term.node.end]])


def _translated(term: Term) -> Iterator[Term]:
    for part in term.parts:
        if part.run is None:
            yield from _translated(part)
        elif not part.constant:
            yield part


def _try(program: cel.Program, variables: Mapping[str, Term]) -> None:
    """Raise BadCondition if no combination of sample values suits the operations: they never will."""
    choices = [SAMPLES.get(part.kind, ("a",)) for part in variables.values()]
    wrong: Exception | None = None
    for values in itertools.islice(itertools.product(*choices), MOST_TRIALS):
        try:
            program.execute(dict(zip(variables, values, strict=True)))
        except FAILURES as found:
            wrong = found
            # A value may be unlucky; kinds are not, and neither is what has no values to vary.
            if variables and not isinstance(found, TypeError) and "Undefined" not in str(found):
                return
        else:
            return
    if wrong is not None:
        raise BadCondition(f"can never be evaluated: {str(wrong)[:200]}")
