"""The commands of docs/reference/cli.md that work with a running suite, in their order."""

import re

from tests.cli.terminal import ROOT

PAGE = ROOT / "docs/reference/cli.md"
CHAPTERS = (
    "Asking",
    "Saying what came of it",
    "What was learnt",
    "Watching",
    "What is wrong with my set-up",
    "Who asks",
    "Completion",
)


def chapters() -> dict[str, str]:
    """The page's chapters by their headings."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def commands(chapter: str) -> list[str]:
    """The lines of its plain fences."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", chapters()[chapter], re.MULTILINE | re.DOTALL)
    return [line for kind, content in found if not kind for line in content.splitlines()]
