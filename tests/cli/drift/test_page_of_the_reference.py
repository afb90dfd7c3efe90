"""Every command of docs/reference/drift-report.md, as it stands."""

import json
import re
import shlex

from turnout.router.v1.model_pb2 import Model

from tests.cli.drift.conftest import ROOT, Terminal
from tests.cli.drift.reading import Page

PAGE = ROOT / "docs/reference/drift-report.md"


def blocks(kind: str) -> list[str]:
    """What stands in the page's fences of a kind."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [content for its, content in found if its == kind]


def commands() -> list[str]:
    """The lines of the page that begin with the command, in order."""
    return [line for block in blocks("") for line in block.splitlines() if line.startswith("turnout ")]


def options(text: str) -> set[str]:
    """The options that a text names."""
    return set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*|-[a-z])(?![\w-])", text))


async def test_every_command_of_the_page_does_what_it_says(terminal: Terminal, observed: Model) -> None:
    result, said = "", dict[str, str]()
    for command in commands():
        if not result and "$RESULT" in command:
            result = json.loads((await terminal.drift("result", "churn", "-o", "json")).out)["name"]
        words = shlex.split(command.replace("$RESULT", result))
        # A line that only a shell understands is given to one, with the command as it is installed.
        told = await (terminal.shell(command) if {"||", ">"} & set(words) else terminal.drift(*words[2:]))
        assert told.code == 0, (command, told)
        said[command] = told.out
    assert len(said) == len(commands()) >= 12
    first = said["turnout drift analyze churn"].splitlines()
    shown = blocks("text")[0].splitlines()
    # Ours has other numbers, and may have another feature's in second place.
    plain = [re.sub(r"[\d.,:%<▁▂▃▄▅▆▇█-]+", "", line).split() for line in (*first[:8], *shown[:8])]
    assert plain[:8] == plain[8:]
    assert len(first) == len(shown)
    assert said['turnout drift analyze churn --exit-code || echo "not ok: $?"'].endswith("not ok: 3\n")
    for name in ("report.html", "latest.html"):
        assert "1 of" in Page((terminal.directory / name).read_text()).text
    assert len(list(terminal.directory.glob("drift-churn-*.html"))) == 1


async def test_every_option_of_the_page_is_one(terminal: Terminal) -> None:
    helps = [
        (await terminal.drift(command, "--help")).out
        for command in ("analyze", "results", "result", "report", "performance", "alerts")
    ]
    assert options(PAGE.read_text()) - options(" ".join(helps)) == {"--ready-file"}
