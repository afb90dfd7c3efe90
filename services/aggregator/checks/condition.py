"""A CEL condition on an answer."""

from collections.abc import Mapping
from typing import Any

import cel
import re2

# As of the conditions of routers: longer ones are programs, and macros over macros take seconds.
LONGEST = 1024
NAMES = ("label", "confidence", "probabilities", "value", "text", "json", "input")
# A macro is one wherever its name is called; comments are white space. RE2, for another engine could be made
# to take forever with this.
MACROS = re2.compile(
    r"\b(all|exists|exists_one|existsOne|map|filter|transformList|transformMap)(?:\s|//[^\n]*\n?)*\("
)
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
        if len(text.encode()) > LONGEST:
            raise BadCondition(f"at most {LONGEST} bytes expected, got {len(text.encode())}")
        if macro := MACROS.search(text):
            raise BadCondition(f"comprehensions such as {macro[1]} are not available")
        try:
            self._program = cel.compile(text)
        except ValueError as wrong:
            said = str(wrong).partition("ERROR: ")[2].partition("\n")[0] or str(wrong)
            raise BadCondition(f"is no CEL: {said[:300]}") from wrong
        if unknown := [name for name in self._program.variables() if name not in NAMES]:
            raise BadCondition(f"speaks of {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")

    def holds(self, names: Mapping[str, Any]) -> bool:
        """Raises NotEvaluated."""
        try:
            found = self._program.execute(dict(names))
        except FAILURES as wrong:
            raise NotEvaluated(f"{self.text}: {str(wrong)[:150]}") from wrong
        if not isinstance(found, bool):
            raise NotEvaluated(f"{self.text}: true or false expected, got {found!r:.40}")
        return found
