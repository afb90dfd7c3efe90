"""A condition, checked and ready to be asked."""

from collections.abc import Callable
from dataclasses import dataclass

from services.router.conditions.fusing import fused
from services.router.conditions.kinds import Schema
from services.router.conditions.parsing import parse
from services.router.conditions.translating import Translator
from services.router.conditions.view import View

# What changes with what is measured, not with the request.
OF_STATE = ("metrics.", "drift.")


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Condition:
    """`holds` answers for one request, or raises RuleError. `names` are what it reads (see Term.names);
    `regex_size` adds up the instructions of its regular expressions.

    `quick` answers the same in a third of the time, but raises RuleError also where `holds` still answers.
    """

    text: str
    holds: Callable[[View], bool]
    quick: Callable[[View], bool]
    names: frozenset[str]
    regex_size: int = 0

    @property
    def of_request(self) -> bool:
        """Whether the answer may differ from request to request, while nothing new is measured."""
        return any(not name.startswith(OF_STATE) for name in self.names)

    def models(self) -> frozenset[str]:
        """Models whose metrics or drift it reads, as models/{id}."""
        return frozenset(name.partition(".")[2] for name in self.names if name.startswith(OF_STATE))


def compile_condition(text: str, schema: Schema) -> Condition:
    """A CEL condition over the names of a schema. It costs 0.1 to 5 ms: keep the result.

    Raises BadCondition, naming what is wrong: too long or too deep, a comprehension, an unknown name or
    function, kinds that do not fit, or no CEL at all.

    >>> from services.router.conditions.kinds import Kind
    >>> from services.router.conditions.view import Columns, Given
    >>> names = Schema({"amount": Kind.NUMBER}, {"tier": Kind.TEXT})
    >>> rule = compile_condition("amount > 1000 && tier == 'gold'", names)
    >>> rule.holds(Given(numeric=Columns(amount=1200.5), attributes=Columns(tier="gold")))
    True
    """
    translator = Translator(text, schema)
    term = translator.condition(parse(text))
    assert term.run is not None  # noqa: S101 - every condition has a closure by now
    return Condition(text, term.run, fused(term), term.names, translator.regex_size)
