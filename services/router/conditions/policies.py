"""Rules in the order in which they are asked; the first that holds decides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.router.conditions.compiling import Condition
from services.router.conditions.errors import RuleError
from services.router.conditions.view import View


@dataclass(frozen=True, slots=True)
class Rule:
    """A named condition. `action` is the place of the policy or feature rule in the configuration. An `idle`
    one leads to nobody: it is asked only to tell that it was passed over."""

    name: str
    action: int
    condition: Condition
    priority: int = 0
    idle: bool = False


class Match(NamedTuple):
    """What the rules said: the first that holds, None if none does; and by name those before it that could
    not be evaluated, and those that hold and were passed over."""

    rule: Rule | None
    errors: Sequence[str] = ()
    passed: Sequence[str] = ()


class Answer(NamedTuple):
    """What one rule said, for explanations; `error` says why it could not be evaluated."""

    name: str
    holds: bool
    error: str = ""


class Rules:
    """An immutable list of rules: priority 1 before 2, and as declared among equals.

    `settled(view)` is the same list with everything decided that depends on no request; do it whenever a
    metric or a drift verdict changes, and ask the result.
    """

    __slots__ = ("_asked", "rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: rule.priority))
        self._asked = [(rule.condition.quick, rule) for rule in self.rules]

    def __bool__(self) -> bool:
        return bool(self.rules)

    @property
    def names(self) -> frozenset[str]:
        """Everything that any of the conditions reads (see Term.names)."""
        return frozenset[str]().union(*(rule.condition.names for rule in self.rules))

    def first(self, view: View) -> Match:
        """The first rule that holds. A rule in error does not hold: it never fails the prediction."""
        errors: list[str] = []
        passed: list[str] = []
        for quick, rule in self._asked:
            try:
                holds, error = quick(view), ""
            except RuleError:
                _, holds, error = answered(rule, view)
            if rule.idle:
                # Whether it can be evaluated makes no difference to anybody.
                if holds:
                    passed.append(rule.name)
            elif holds:
                return Match(rule, errors, passed)
            elif error:
                errors.append(rule.name)
        return Match(None, errors, passed)

    def answers(self, view: View) -> list[Answer]:
        """What every rule says, also those that first() would not reach."""
        return [answered(rule, view) for rule in self.rules]

    def settled(self, view: View) -> "Rules":
        """Rules without those that do not hold whatever the request; `view` knows metrics and drift."""
        made: list[Rule] = []
        for rule in self.rules:
            if rule.condition.of_request:
                made.append(rule)
                continue
            answer = answered(rule, view)
            if answer.error or answer.holds:
                made.append(replace(rule, condition=_constant(rule.condition, answer)))
            if answer.holds and not rule.idle:
                # Nothing after it can be reached.
                break
        return Rules(made)


def answered(rule: Rule, view: View) -> Answer:
    """What one rule says."""
    try:
        return Answer(rule.name, rule.condition.holds(view))
    except RuleError as wrong:
        return Answer(rule.name, holds=False, error=str(wrong))


def _constant(condition: Condition, answer: Answer) -> Condition:
    """The condition, once nothing that it reads can change its answer."""

    def holds(_view: View) -> bool:
        if answer.error:
            raise RuleError(answer.error)
        return answer.holds

    return replace(condition, holds=holds, quick=holds)
