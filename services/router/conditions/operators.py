"""The operator form: one field, one operator, one value. No CEL is involved."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from services.router.conditions import names, patterns
from services.router.conditions.compiling import Condition
from services.router.conditions.errors import BadCondition, RuleError
from services.router.conditions.kinds import Kind, Schema, comparable
from services.router.conditions.syntax import Literal
from services.router.conditions.terms import Run, Term
from services.router.conditions.view import View

# A list longer than this is a table, and belongs in an attribute that the caller computes.
MOST_VALUES = 256
LONGEST_VALUE = 256

Value = str | float | bool
QUOTED = re.compile(r"""(?P<of>features|attributes|headers)\[(?P<mark>['"])(?P<name>.*)(?P=mark)\]""")
NOWHERE = Literal(0, 0, 1, None)


def compile_rule(field: str, operator: str, value: Value | Sequence[Value], schema: Schema) -> Condition:
    """`field operator value`, where the operator is a key of OPERATORS.

    A field is a feature or a declared attribute, or attributes.x, headers.x, features.x, entity_id,
    input.kind, input.text. Like in CEL a field that is absent is an error. Raises BadCondition.

    >>> from services.router.conditions.view import Columns, Given
    >>> rule = compile_rule("tier", "in", ["gold", "silver"], Schema())
    >>> rule.holds(Given(attributes=Columns(tier="gold")))
    True
    """
    with _part("field"):
        term = _field(field, schema)
    build = OPERATORS.get(operator)
    if build is None:
        said = f"has the operator {operator[:40]!r}; there are: {', '.join(OPERATORS)}"
        raise BadCondition(said, "operator")
    with _part("value"):
        run = build(term, value)
    regex = patterns.compiled(str(value)).programsize if operator == "regex" else 0
    return Condition(f"{field} {operator} {value!r}", run, run, term.names, regex)


@contextmanager
def _part(name: str) -> Iterator[None]:
    try:
        yield
    except BadCondition as wrong:
        raise BadCondition(str(wrong), name) from None


def _field(field: str, schema: Schema) -> Term:
    if field in schema.features:
        return names.member(NOWHERE, "features", field, schema)
    of, dot, name = field.partition(".")
    if dot and of in (*names.MAPS, "input"):
        return names.member(NOWHERE, of, name, schema)
    if not field or field == "now":
        raise BadCondition("needs a field: a feature, or attributes.x, headers.x, entity_id, input.kind")
    # Without declared features any name is one, however odd.
    if schema.features and (quoted := QUOTED.fullmatch(field)):
        of, name = quoted["of"], quoted["name"]
        raise BadCondition(f"needs a field without brackets: {of}.{name[:64]}, not {field[:80]}")
    return names.bare(NOWHERE, field, schema, field=True)


def _ready(term: Term) -> Run:
    if term.run is None:
        raise BadCondition("needs a field that can be read")
    return term.run


def _scalar(term: Term, value: Value | Sequence[Value]) -> Value:
    """The value, fit to be compared with the field."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        raise BadCondition("has a list; only in and not_in take one")
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        raise BadCondition(f"has a value of {len(value)} characters; at most {LONGEST_VALUE} are allowed")
    kind = Kind.BOOL if isinstance(value, bool) else Kind.TEXT if isinstance(value, str) else Kind.NUMBER
    if not comparable(term.kind, kind):
        raise BadCondition(f"compares {term.kind.value} with {kind.value}")
    if term.values is not None and value not in term.values:
        raise BadCondition(f"compares with {value!r}; there are: {', '.join(sorted(term.values))}")
    return value


def _equals(term: Term, value: Value | Sequence[Value]) -> Run:
    run, wanted = _ready(term), _scalar(term, value)
    return lambda view: bool(run(view) == wanted)


def _not_equals(term: Term, value: Value | Sequence[Value]) -> Run:
    run, wanted = _ready(term), _scalar(term, value)
    return lambda view: bool(run(view) != wanted)


def _all(term: Term, values: Value | Sequence[Value]) -> frozenset[Value]:
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise BadCondition("needs a list of values, at least one")
    if len(values) > MOST_VALUES:
        raise BadCondition(f"has {len(values)} values; at most {MOST_VALUES} are allowed")
    return frozenset(_scalar(term, value) for value in values)


def _in(term: Term, value: Value | Sequence[Value]) -> Run:
    run, wanted = _ready(term), _all(term, value)
    return lambda view: run(view) in wanted


def _not_in(term: Term, value: Value | Sequence[Value]) -> Run:
    run, wanted = _ready(term), _all(term, value)
    return lambda view: run(view) not in wanted


def _number(term: Term, value: Value | Sequence[Value]) -> tuple[Run, float]:
    wanted = _scalar(term, value)
    if isinstance(wanted, bool | str):
        raise BadCondition("needs a number; text and true or false have no order here")
    run = _ready(term)
    if term.kind is Kind.FREE:
        return _checked(run, float, "a number"), wanted
    return run, wanted


def _greater(term: Term, value: Value | Sequence[Value]) -> Run:
    run, bound = _number(term, value)
    return lambda view: bool(run(view) > bound)


def _less(term: Term, value: Value | Sequence[Value]) -> Run:
    run, bound = _number(term, value)
    return lambda view: bool(run(view) < bound)


def _texts(term: Term, value: Value | Sequence[Value]) -> tuple[Run, str]:
    wanted = value if isinstance(value, str) else ""
    if term.kind not in (Kind.TEXT, Kind.FREE):
        raise BadCondition(f"needs a field that is text, not {term.kind.value}")
    if not wanted:
        raise BadCondition(f"needs a text that is not empty, not {value!r}")
    if len(wanted) > LONGEST_VALUE:
        raise BadCondition(f"has a value of {len(wanted)} characters; at most {LONGEST_VALUE} are allowed")
    run = _ready(term)
    return (_checked(run, str, "text") if term.kind is Kind.FREE else run), wanted


def _contains(term: Term, value: Value | Sequence[Value]) -> Run:
    run, wanted = _texts(term, value)
    return lambda view: wanted in run(view)


def _regex(term: Term, value: Value | Sequence[Value]) -> Run:
    run, wanted = _texts(term, value)
    pattern = patterns.compiled(wanted)
    return lambda view: patterns.matches(pattern, run(view))


def _checked(run: Run, kind: type, said: str) -> Run:
    def checked(view: View) -> object:
        found = run(view)
        if not isinstance(found, kind):
            raise RuleError(f"{said} is needed; declare the attribute's type")
        return found

    return checked


OPERATORS: Mapping[str, Callable[[Term, Value | Sequence[Value]], Run]] = {
    "equals": _equals,
    "not_equals": _not_equals,
    "in": _in,
    "not_in": _not_in,
    "greater_than": _greater,
    "less_than": _less,
    "contains": _contains,
    "regex": _regex,
}
