"""docs/limits.md says what the code does, and leaves out no limit of what people configure."""

import re
from pathlib import Path

from tests.limits import PAGE, constant, page
from tests.limits_told import SECTIONS

ROOMS = ("router/config", "router/conditions")
NAME = re.compile(
    r"^((?:\w+, )*(?:MOST|LONGEST|LARGEST|GREATEST|SHORTEST|LOWEST)_?\w*(?:, \w+)*)(?:: \w+)? = ",
    re.MULTILINE,
)
# What bounds nothing that people write.
INWARD = {
    "router.config.advice:MOST_TOLD",
    "router.config.agreement:MOST_TOLD",
    "router.config.confidences:MOST_NAMED",
    "router.config.idle:MOST_NAMED",
    "router.config.panel_advice:MOST_NAMED",
    "router.conditions.errors:MOST_SHOWN",
    "router.conditions.keeping:MOST_RECENT",
    "router.conditions.arithmetic:GREATEST_INT",
    "router.conditions.arithmetic:LEAST_INT",
    "router.conditions.opaque:MOST_TRIALS",
    "router.conditions.values:GREATEST_WHOLE",
}
TOLD = [limit for _, limits in SECTIONS for limit in limits]


def test_the_page_is_what_the_code_says() -> None:
    """When this fails: make docs."""
    assert PAGE.read_text() == page()


def test_every_limit_has_a_reason() -> None:
    silent = [
        what
        for what, where, _, why in TOLD
        if not (why or any(constant(one).comment for one in where.split()))
    ]
    assert silent == []


def test_every_limit_of_a_configuration_is_on_the_page() -> None:
    services = Path(__file__).parents[1] / "services"
    told = {where for _, wheres, _, _ in TOLD for where in wheres.split()}
    missing = [
        where
        for room in ROOMS
        for path in sorted((services / room).glob("*.py"))
        for names in NAME.findall(path.read_text())
        for name in names.split(", ")
        if (where := f"{room.replace('/', '.')}.{path.stem}:{name}") not in told
    ]
    assert set(missing) == INWARD


def test_no_reason_is_given_twice() -> None:
    """Where the least and the greatest have one comment between them."""
    for line in PAGE.read_text().splitlines():
        sentences = [one.strip(" |.") for one in line.rpartition(" | ")[2].split(". ")]
        assert len(set(sentences)) == len(sentences), line
