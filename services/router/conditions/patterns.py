"""Regular expressions of conditions: RE2, whose time is linear in the text whatever the expression is.

Python's own engine takes exponential time for (a+)+$, and CEL's compiles the expression for each request.
"""

from typing import Protocol

import re2

from services.router.conditions.errors import BadCondition

LONGEST_PATTERN = 256
# Bytes that a compiled expression and its automaton may take; \pL{500} would want more.
MOST_MEMORY = 1 << 19
# Instructions. Linear is not fast: a search may take 7 ns per instruction and character of the text.
LARGEST_PROGRAM = 2500


class Pattern(Protocol):
    """A compiled expression; `programsize` is its number of instructions, some dozens for a usual one."""

    @property
    def programsize(self) -> int: ...
    def search(self, text: bytes) -> object | None:
        """Something, if any part of the text matches."""


def compiled(pattern: str) -> Pattern:
    """The expression, ready. Raises BadCondition if RE2 has no such syntax, or it is too large."""
    if len(pattern) > LONGEST_PATTERN:
        raise BadCondition(
            f"has a regular expression of {len(pattern)} characters; at most {LONGEST_PATTERN} are allowed"
        )
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = MOST_MEMORY
    try:
        found: Pattern = re2.compile(pattern, options)
    except re2.error as wrong:
        said = wrong.args[0].decode(errors="replace") if isinstance(wrong.args[0], bytes) else str(wrong)
        raise BadCondition(f"has a regular expression that RE2 does not take: {said[:200]}") from wrong
    if found.programsize > LARGEST_PROGRAM:
        raise BadCondition(
            f"has a regular expression of {found.programsize} instructions; at most {LARGEST_PROGRAM} are "
            "allowed: repeat less, as in a{1,5}"
        )
    return found


def matches(pattern: Pattern, text: str) -> bool:
    """Whether any part of the text matches. Bytes: for text RE2's wrapper would also count characters."""
    return pattern.search(text.encode()) is not None
