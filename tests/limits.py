"""docs/limits.md, written from the constants that hold: `make docs`. tests/test_limits.py compares."""

import importlib
import re
from pathlib import Path
from typing import NamedTuple

from services.drift.settings import DriftSettings
from services.feedback.settings import FeedbackSettings
from services.foundation.meanings import meaning
from services.foundation.settings import Settings
from services.router.settings import RouterSettings
from services.state.names import ID_RULE
from tests.limits_told import SECTIONS, SETTINGS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/limits.md"
DECLARERS: tuple[type[Settings], ...] = (Settings, RouterSettings, FeedbackSettings, DriftSettings)
SECONDS_PER = (("days", 86_400), ("h", 3600), ("min", 60))
BYTES_PER = (("MiB", 1 << 20), ("KiB", 1 << 10))
HEAD = f"""# Limits

Everything that is bounded, and why. This page is written from the code by `make docs`; a test holds it to
the code. What is over a limit is refused with the field's name and what would have been right, unless the
row says otherwise.

Ids of routers, models, variants and policies are {ID_RULE}.
"""


class Found(NamedTuple):
    """A constant: its value, and the comment above it."""

    value: float
    comment: str


def constant(where: str) -> Found:
    """A constant by `module:NAME`, the module below `services`. Raises AttributeError if there is none."""
    room, _, name = where.partition(":")
    module = importlib.import_module(f"services.{room}")
    lines = Path(module.__file__ or "").read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if re.match(rf"(\w+, )*{name}\b[^=]*=", line))
    first = place
    while first and lines[first - 1].startswith("#"):
        first -= 1
    comment = " ".join(line.removeprefix("#").strip() for line in lines[first:place])
    return Found(getattr(module, name), comment)


def told(value: float, unit: str) -> str:
    """A number as people write it.

    >>> told(1048576, "bytes"), told(2592000.0, "s"), told(0.5, "s"), told(86400000, "ms"), told(200, "")
    ('1 MiB', '30 days', '0.5 s', '24 h', '200')
    """
    if unit == "ms":
        value, unit = value / 1000, "s"
    for name, size in {"s": SECONDS_PER, "bytes": BYTES_PER}.get(unit, ()):
        if value >= size and value % size == 0 and (value, name) != (size, "days"):
            return f"{value / size:,.0f} {name}"
    number = f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"
    return f"{number} {unit}".strip()


def row(what: str, where: str, unit: str, reason: str) -> str:
    """One line of a table; `where` may name two constants, the least and the greatest."""
    found = [constant(one) for one in where.split(" ")]
    # The unit is in the row, and two constants may have one comment between them.
    comments = [re.sub(r"^(Seconds|Bytes|Instructions)\. ", "", one.comment) for one in found]
    why = (reason or " ".join(filter(None, dict.fromkeys(comments)))).replace("|", "\\|")
    return f"| {what} | {' to '.join(told(one.value, unit) for one in found)} | {why} |"


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, limits in SECTIONS:
        parts += [f"\n## {title}\n\n| what | limit | why |\n|---|---|---|\n"]
        parts += [row(*limit) + "\n" for limit in limits]
    parts += ["\n## Settings\n\nOf each process: `TURNOUT_` and the name in capitals.\n"]
    parts += ["\n| setting | default | what it bounds |\n|---|---|---|\n"]
    parts += [_setting(name, unit) + "\n" for name, unit in SETTINGS]
    return "".join(parts)


def _setting(name: str, unit: str) -> str:
    kind = next(one for one in DECLARERS if name in one.model_fields)
    return f"| `{name}` | {told(kind.model_fields[name].default, unit)} | {meaning(kind, name)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
