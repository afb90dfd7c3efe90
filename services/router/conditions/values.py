"""An expression whose value is a name for a part of the traffic: the same language as conditions."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.router.conditions.compiling import OF_STATE
from services.router.conditions.errors import BadCondition, RuleError
from services.router.conditions.fusing import fused
from services.router.conditions.kinds import Schema
from services.router.conditions.parsing import parse
from services.router.conditions.terms import Run
from services.router.conditions.translating import Translator
from services.router.conditions.view import View

# From here on a double skips whole numbers, and its digits are not what anybody wrote.
GREATEST_WHOLE = 2.0**53


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Valued:
    """`value` is the text for one request, or raises RuleError. `names` are what it reads (see Term.names);
    `regex_size` adds up the instructions of its regular expressions."""

    text: str
    value: Callable[[View], str]
    names: frozenset[str]
    regex_size: int = 0


def compile_value(text: str, schema: Schema) -> Valued:
    """An expression in CEL that is text, a number, true or false, over the names of a schema.

    Raises BadCondition as `compile_condition` does, and for one that reads metrics() or drift(): those say
    nothing of a request.

    >>> from services.router.conditions.kinds import Kind
    >>> from services.router.conditions.view import Columns, Given
    >>> size = compile_value("amount > 1000 ? 'large' : 'small'", Schema({"amount": Kind.NUMBER}))
    >>> size.value(Given(numeric=Columns(amount=1200.5)))
    'large'
    """
    translator = Translator(text, schema)
    term = translator.value(parse(text))
    if any(name.startswith(OF_STATE) for name in term.names):
        raise BadCondition("reads metrics() or drift(), which say nothing of a request")
    assert term.run is not None  # noqa: S101 - every value has a closure by now
    return Valued(text, _told(fused(term), term.run), term.names, translator.regex_size)


def _told(quick: Run, careful: Run) -> Callable[[View], str]:
    def value(view: View) -> str:
        try:
            return told(quick(view))
        except RuleError:
            # Only the closures know what && and || absorb.
            return told(careful(view))

    return value


def told(value: Any) -> str:
    """A value as text. Whole numbers are spelled alike whatever their type, as rows send them as doubles.

    Raises RuleError for a number that is not finite.

    >>> told(True), told(3), told(3.0), told(0.1)
    ('true', '3', '3', '0.1')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        raise RuleError(f"is {value}, which is no value")
    return str(int(value)) if value.is_integer() and abs(value) < GREATEST_WHOLE else repr(value)
