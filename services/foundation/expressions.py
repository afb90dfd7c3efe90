"""CEL of users: its text within limits that keep one from costing what others pay for."""

from collections.abc import Collection, Mapping
from typing import Any

import cel
import re2

# Longer ones are programs, and macros over macros take seconds.
LONGEST = 1024
# A macro is one wherever its name is called; comments are white space. RE2, for another engine could be made
# to take forever with this.
MACROS = re2.compile(
    r"\b(all|exists|exists_one|existsOne|map|filter|transformList|transformMap)(?:\s|//[^\n]*\n?)*\("
)
# Everything that an evaluation raises; anything else is a fault of ours.
FAILURES = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


class BadExpression(ValueError):
    """A text that is no expression, or one beyond the limits."""


class NotEvaluated(Exception):
    """The expression has no value here: it speaks of what is not there, say."""


class Expression:
    """A compiled expression of `names`; those that it reads are its `variables`."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        """Raises BadExpression."""
        self.text = text
        if len(text.encode()) > LONGEST:
            raise BadExpression(f"at most {LONGEST} bytes expected, got {len(text.encode())}")
        if macro := MACROS.search(text):
            raise BadExpression(f"comprehensions such as {macro[1]} are not available")
        try:
            self._program = cel.compile(text)
        except ValueError as wrong:
            said = str(wrong).partition("ERROR: ")[2].partition("\n")[0] or str(wrong)
            raise BadExpression(f"is no CEL: {said[:300]}") from wrong
        self.variables = frozenset(self._program.variables())
        if unknown := self.variables - frozenset(names):
            raise BadExpression(f"speaks of {', '.join(sorted(unknown))}; there are {', '.join(names)}")

    def value(self, given: Mapping[str, Any]) -> Any:
        """What it comes to; a name that is not given is undefined. Raises NotEvaluated."""
        try:
            return self._program.execute(dict(given))
        except FAILURES as wrong:
            raise NotEvaluated(f"{self.text}: {str(wrong)[:150]}") from wrong
