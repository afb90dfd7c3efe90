"""Times as people type them: 90m, 24h, 7d; and moments in ISO 8601."""

import re
from datetime import UTC, datetime, timedelta

import typer

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> timedelta:
    """
    >>> duration("90m")
    datetime.timedelta(seconds=5400)
    """
    told = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smhdw])", text.strip())
    if told is None or float(told[1]) == 0:
        raise typer.BadParameter(f"{text!r} is no length of time; write 90m, 24h or 7d")
    return timedelta(**{UNITS[told[2]]: float(told[1])})


def moment(text: str) -> datetime:
    """A moment; UTC where no offset is given."""
    try:
        told = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no moment; write 2026-11-22T09:00 (UTC) or 2026-11-22T10:00+01:00"
        ) from None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
