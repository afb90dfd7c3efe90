"""The map agrees with the land: every path that the pages name exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    named = set(re.findall(r"`((?:services|protos|tests|examples|benchmarks|docs)/[\w./-]*[\w/])`", text))
    named |= set(re.findall(r"\]\(([\w./-]+)\)", text))
    assert named
    missing = sorted(path for path in named if not (ROOT / path).exists())
    assert missing == []
