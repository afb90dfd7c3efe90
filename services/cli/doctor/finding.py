"""What a check found: how bad it is, why it matters, and what mends it."""

from enum import StrEnum
from typing import NamedTuple

# The chapters that say what to do at length.
RUNBOOKS = "docs/operations/runbooks.md"


class Severity(StrEnum):
    """How bad it is. A note is worth knowing, and nothing is wrong with it."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Finding(NamedTuple):
    """One thing that is wrong, or worth knowing. `check` is filled in by whoever runs the check."""

    severity: Severity
    what: str
    why: str
    mend: str
    """The command or the setting that mends it."""
    check: str = ""
    about: str = ""
    """A chapter of the documentation, as a path with an anchor; empty where there is none."""


def error(what: str, why: str, mend: str) -> Finding:
    """Something does not work, or data are lost."""
    return Finding(Severity.ERROR, what, why, mend)


def warning(what: str, why: str, mend: str) -> Finding:
    """Something will not work when it matters."""
    return Finding(Severity.WARNING, what, why, mend)


def note(what: str, why: str, mend: str) -> Finding:
    """Worth knowing."""
    return Finding(Severity.NOTE, what, why, mend)
