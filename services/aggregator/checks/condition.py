"""A CEL condition on an answer."""

from collections.abc import Mapping
from typing import Any

from services.foundation.cel_text import FAILURES, BadCel, compiled, other_than_boolean, tokens_of

NAMES = ("label", "confidence", "probabilities", "value", "text", "json", "input")
# One of each that is always of one kind.
SAMPLE = {"label": "x", "confidence": 0.5, "probabilities": {"x": 0.5}, "value": 0.5, "text": "x"}


MISSING = {"json": "no json: it is not JSON"}


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
        if said := other_than_boolean(self._program, SAMPLE):
            raise BadCondition(said)

    def holds(self, names: Mapping[str, Any]) -> bool:
        """Raises NotEvaluated."""
        try:
            found = self._program.execute(dict(names))
        except FAILURES as wrong:
            absent = sorted(set(self._program.variables()).difference(names))
            if absent:
                told = " or ".join(MISSING.get(name, f"no {name}") for name in absent)
                raise NotEvaluated(f"{self.text}: the answer has {told}") from wrong
            # Of a key that is not there Python says the key.
            said = f"there is no {wrong}" if isinstance(wrong, KeyError) else str(wrong)
            raise NotEvaluated(f"{self.text}: {said[:150]}") from wrong
        if not isinstance(found, bool):
            raise NotEvaluated(f"{self.text}: true or false expected, got {found!r:.40}")
        return found
