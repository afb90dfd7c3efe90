"""A CEL condition on an answer."""

from collections.abc import Mapping
from typing import Any

from services.foundation.cel_text import BadCel, compiled, tokens_of

NAMES = ("label", "confidence", "probabilities", "value", "text", "json", "input")
# Everything that an evaluation raises; anything else is a fault of ours.
FAILURES = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


class BadCondition(ValueError):
    """A text that is no condition."""


class NotEvaluated(Exception):
    """The condition has no answer for this answer: it speaks of a part that is not there, say."""


class Condition:
    """A compiled condition on NAMES; a name that an answer does not have is undefined."""

    def __init__(self, text: str) -> None:
        """Raises BadCondition."""
        self.text = text
        try:
            tokens_of(text)
            self._program = compiled(text)
        except BadCel as wrong:
            raise BadCondition(str(wrong)) from wrong
        if unknown := sorted(set(self._program.variables()).difference(NAMES)):
            said = ", ".join(unknown)[:100]
            raise BadCondition(f"does not know {said}; there are {', '.join(NAMES)}")

    def holds(self, names: Mapping[str, Any]) -> bool:
        """Raises NotEvaluated."""
        try:
            found = self._program.execute(dict(names))
        except FAILURES as wrong:
            raise NotEvaluated(f"{self.text}: {str(wrong)[:150]}") from wrong
        if not isinstance(found, bool):
            raise NotEvaluated(f"{self.text}: true or false expected, got {found!r:.40}")
        return found
