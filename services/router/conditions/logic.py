"""`&&`, `||`, `!` and `? :`. An error is absorbed by whatever decides without it, on either side."""

from collections.abc import Sequence

from services.router.conditions.errors import RuleError
from services.router.conditions.kinds import Kind
from services.router.conditions.syntax import Conditional, Logical, Node
from services.router.conditions.terms import Run, Term, need, over
from services.router.conditions.view import View


def joined(node: Logical, operands: tuple[Term, ...]) -> Term:
    """All or any of the operands."""
    for operand in operands:
        need(operand, Kind.BOOL, node.operator)
    runs = [operand.run for operand in operands if operand.run is not None]
    if len(runs) < len(operands):
        return over(node, Kind.BOOL, None, *operands)
    decisive = node.operator == "||"
    run = _two(runs[0], runs[1], decisive) if len(runs) == 2 else _many(runs, decisive)
    return over(node, Kind.BOOL, run, *operands)


def _two(first: Run, second: Run, decisive: bool) -> Run:
    def run(view: View) -> bool:
        try:
            found: bool = first(view)
        except RuleError:
            # It counts only if the other side leaves the question open.
            other: bool = second(view)
            if other is decisive:
                return other
            raise
        return found if found is decisive else bool(second(view))

    return run


def _many(runs: Sequence[Run], decisive: bool) -> Run:
    def run(view: View) -> bool:
        wrong: RuleError | None = None
        for one in runs:
            try:
                answer: bool = one(view)
                if answer is decisive:
                    return answer
            except RuleError as found:
                wrong = found
        if wrong is not None:
            raise wrong
        return not decisive

    return run


def inverted(node: Node, term: Term) -> Term:
    """`!term`."""
    need(term, Kind.BOOL, "!")
    run = term.run
    return over(node, Kind.BOOL, None if run is None else (lambda view: not run(view)), term)


def chosen(node: Conditional, test: Term, yes: Term, no: Term) -> Term:
    """`test ? yes : no`; the branch not taken is not evaluated."""
    need(test, Kind.BOOL, "?")
    kind = yes.kind if yes.kind is no.kind else Kind.ANY
    asked, first, second = test.run, yes.run, no.run
    if kind is Kind.ANY or asked is None or first is None or second is None:
        return over(node, kind, None, test, yes, no)
    return over(
        node,
        kind,
        lambda view: first(view) if asked(view) else second(view),
        test,
        yes,
        no,
        exact=yes.exact and no.exact,
    )
