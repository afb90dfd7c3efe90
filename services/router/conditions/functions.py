"""The functions of conditions: those with closures of their own, and those that are left to CEL."""

from collections.abc import Callable
from datetime import datetime
from difflib import get_close_matches

from services.router.conditions import patterns
from services.router.conditions.errors import BadCondition, RuleError
from services.router.conditions.kinds import Kind
from services.router.conditions.opaque import constant_of
from services.router.conditions.syntax import Invoke, Literal
from services.router.conditions.terms import Run, Term, need, over
from services.router.conditions.view import View

# On a text, with a text; `matches` is compiled apart.
TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": str.__contains__,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}
# Parts of `now`, in UTC; Sunday is day 0.
CLOCK: dict[str, Callable[[datetime], int]] = {
    "getHours": lambda moment: moment.hour,
    "getMinutes": lambda moment: moment.minute,
    "getDayOfWeek": lambda moment: moment.isoweekday() % 7,
}
CALENDAR = frozenset({"getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getSeconds"})
CONVERSIONS = {"int": Kind.INT, "double": Kind.NUMBER, "string": Kind.TEXT}
MOMENTS = {"timestamp": Kind.MOMENT, "duration": Kind.SPAN}
SCALARS = frozenset(
    {Kind.NUMBER, Kind.INT, Kind.TEXT, Kind.BOOL, Kind.MOMENT, Kind.SPAN, Kind.FREE, Kind.ANY}
)
OTHERS = ("drift", "has", "lower", "matches", "metrics", "size", "words")
KNOWN = sorted({*TESTS, *CLOCK, *CALENDAR, *CONVERSIONS, *MOMENTS, *OTHERS})


def call(node: Invoke, on: Term | None, args: tuple[Term, ...]) -> Term:
    """A call. Raises BadCondition for a function that is not known, or whose arguments do not fit."""
    name = node.function
    if on is not None:
        if name in TESTS or name == "matches":
            return _test(node, on, *_arguments(name, args, 1))
        if name in CLOCK or name in CALENDAR:
            _arguments(name, args, 0)
            return _clock(node, on)
        if name == "size":
            _arguments(name, args, 0)
            return _size(node, on)
    elif name in ("lower", "words", "size", *CONVERSIONS, *MOMENTS):
        (given,) = _arguments(name, args, 1)
        return _of_one(node, given)
    close = get_close_matches(name, KNOWN, n=1)
    meant = f"did you mean {close[0]}()? " if close and close[0] != name else ""
    raise BadCondition(
        f"does not know {'.' if on else ''}{name[:64]}(); {meant}there are: {', '.join(KNOWN)}"
    )


def _arguments(name: str, args: tuple[Term, ...], count: int) -> tuple[Term, ...]:
    if len(args) != count:
        raise BadCondition(f"calls {name}() with {len(args)} arguments; it takes {count}")
    return args


def _of_one(node: Invoke, given: Term) -> Term:
    name = node.function
    if name == "size":
        return _size(node, given)
    if name == "lower":
        return over(node, Kind.TEXT, _on_text(str.lower, given, name), given)
    if name == "words":
        return over(node, Kind.INT, _on_text(lambda text: len(text.split()), given, name), given)
    if name in MOMENTS:
        need(given, Kind.TEXT, f"{name}()")
        return _moment(node, given)
    if given.kind not in SCALARS:
        raise BadCondition(f"{name}() cannot convert {given.kind.value}")
    return over(node, CONVERSIONS[name], None, given)


def _moment(node: Invoke, given: Term) -> Term:
    kind = MOMENTS[node.function]
    if kind is Kind.MOMENT and isinstance(given.node, Literal) and "." not in str(given.node.value):
        moment = constant_of("timestamp(given)", str(given.node.value))
        return over(node, kind, lambda _: moment)
    # Fractions of a second may be finer than a Python datetime; they stay CEL's, like durations.
    return over(node, kind, None, given)


def _test(node: Invoke, on: Term, given: Term) -> Term:
    name = node.function
    need(on, Kind.TEXT, f".{name}()")
    need(given, Kind.TEXT, f".{name}()")
    if name == "matches":
        return _matches(node, on, given)
    first, second = _text_of(on), _text_of(given)
    if first is None or second is None:
        return over(node, Kind.BOOL, None, on, given)
    test = TESTS[name]
    return over(node, Kind.BOOL, lambda view: test(first(view), second(view)), on, given)


def _matches(node: Invoke, on: Term, given: Term) -> Term:
    pattern = given.node.value if isinstance(given.node, Literal) else None
    if not isinstance(pattern, str):
        raise BadCondition(".matches() needs its regular expression in quotes")
    text, expression = _text_of(on), patterns.compiled(pattern)
    if text is None:
        raise BadCondition(".matches() needs a name before it, not a computed value")
    return over(node, Kind.BOOL, lambda view: patterns.matches(expression, text(view)), on)


def _clock(node: Invoke, on: Term) -> Term:
    need(on, Kind.MOMENT, f".{node.function}()")
    part, run = CLOCK.get(node.function), on.run
    if part is None or run is None:
        return over(node, Kind.INT, None, on)
    return over(node, Kind.INT, lambda view: part(run(view)), on)


def _size(node: Invoke, given: Term) -> Term:
    if given.kind in (Kind.LIST, Kind.MAP, Kind.ANY):
        return over(node, Kind.INT, None, given)
    return over(node, Kind.INT, _on_text(lambda text: len(text.encode()), given, "size"), given)


def _on_text(function: Callable[[str], object], given: Term, name: str) -> Run | None:
    need(given, Kind.TEXT, f"{name}()")
    run = _text_of(given)
    if run is None and name in ("lower", "words"):
        raise BadCondition(f"{name}() needs a name or a text, not a value that only CEL computes")
    return None if run is None else lambda view: function(run(view))


def _text_of(term: Term) -> Run | None:
    run = term.run
    if term.kind is not Kind.FREE or run is None:
        return run

    def checked(view: View) -> str:
        found = run(view)
        if not isinstance(found, str):
            raise RuleError("a function of texts gets a number")
        return found

    return checked
