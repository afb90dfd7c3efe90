"""Pages for users, as far as they can be judged without a suite; tests/stories/test_guides.py runs them."""

import re
from pathlib import Path

import pytest

from tests.docs.guides import GUIDES, ROOT, commands_of_make, steps
from tests.stories.reference import PAGES, examples

MADE = re.compile(r'"(?:router_id|model_id)": "([^"]+)"')
USERS = sorted([*(ROOT / "docs/how-to").glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", USERS, ids=[str(page.relative_to(ROOT / "docs")) for page in USERS])
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_on_the_map() -> None:
    folder = ROOT / "docs"
    links = re.findall(r"\]\(([\w./-]+)\)", (folder / "README.md").read_text())
    pages = {str(page.relative_to(folder)) for page in folder.rglob("*.md")}
    apart = {page for page in pages if page.startswith("decisions/0")} | {"README.md"}
    assert sorted(pages - apart - set(links)) == []


@pytest.mark.parametrize("page", GUIDES.values(), ids=GUIDES)
def test_a_guide_is_played_and_names_commands_of_make_that_exist(page: Path) -> None:
    assert len(steps(page)) >= 3
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(commands_of_make(page)) <= targets


def test_no_guide_makes_what_another_page_makes() -> None:
    """They are played on one suite, and readers try them on one."""
    made = [name for page in GUIDES.values() for step in steps(page) for name in MADE.findall(step.text)]
    others = {
        name for page in PAGES for each in examples(page) for name in MADE.findall(" ".join(each.words))
    }
    assert sorted(set(made)) == sorted(made)
    assert set(made) & others == set()


def test_a_block_that_nobody_runs_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```\nfrobnicate --all\n```\n")
    with pytest.raises(ValueError, match=r"page.md:2: frobnicate is none of"):
        steps(page)
    page.write_text("```json\n{}\n```\n")
    with pytest.raises(ValueError, match="an answer without a command"):
        steps(page)
