"""Every command that the operations pages give is one that there is, with the options that it has."""

import importlib
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import descriptor_pool
from typer.main import get_command

from services.cli.app import app
from services.cli.rooms import ROOMS
from tests.contract.test_pending import SERVICERS
from tests.observability.files import OPERATIONS, alerts

PAGES = sorted(OPERATIONS.glob("*.md"))


def lines(program: str) -> Iterator[str]:
    """Lines of shell blocks that call a program."""
    for page in PAGES:
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            yield from (line for line in block.splitlines() if line.startswith(f"{program} "))


@pytest.mark.parametrize("line", sorted(set(lines("turnout"))))
def test_a_line_of_ours_names_a_command_and_its_options(line: str) -> None:
    words = [word for word in shlex.split(line)[1:] if word != "&"]
    command: Any = get_command(app)
    if words[0] in ROOMS:
        # These are loaded when they are called.
        command = get_command(importlib.import_module(ROOMS[words.pop(0)].module).application())
    while hasattr(command, "commands"):
        name = words.pop(0)
        assert name in command.commands, line
        command = command.commands[name]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    assert [word for word in words if word.startswith("-") and word not in known] == []


def test_every_rpc_that_pages_and_alerts_name_is_served() -> None:
    told = [*lines("grpcurl"), *(alert["annotations"]["description"] for alert in alerts())]
    named = {found for text in told for found in re.findall(r"turnout\.[a-z]+\.v1\.\w+/\w+", text)}
    assert len(named) > 4
    served = {
        f"{servicer.SERVICE}/{method.name}"
        for servicer in SERVICERS
        for method in descriptor_pool.Default().FindServiceByName(servicer.SERVICE).methods
    }
    assert named - served == set()


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", (OPERATIONS / page).read_text())
    assert sorted(link for link in links if not (OPERATIONS / link).exists()) == []
