"""docs/access.md says of every RPC what its descriptor says, and of every setting that it exists."""

import re
from pathlib import Path

from services.foundation.access_settings import AccessSettings
from services.foundation.rules import rules_of
from tests.access.house import contract

PAGE = Path(__file__).parents[2] / "docs/access.md"


def table() -> list[str]:
    """The rows as they have to be, a service after the other."""
    rows = []
    for service in sorted(contract(), key=lambda one: one.full_name):
        for name, rule in rules_of(service.full_name).items():
            subject = f"`{rule.resource}`" if rule.resource else ""
            rows.append(f"| {service.full_name.rpartition('.')[2]} | {name} | {rule.role.told} | {subject} |")
    return rows


def test_the_page_lists_every_rpc_with_its_rule() -> None:
    """When this fails, put these rows there."""
    found = re.findall(r"^\| \w+Service \|.*\|$", PAGE.read_text(), re.MULTILINE)
    assert found == table(), "\n".join(["the rows of docs/access.md are to be:", *table()])


def test_the_page_names_every_setting() -> None:
    text = PAGE.read_text()
    assert [name for name in AccessSettings.model_fields if f"`{name}`" not in text] == []
