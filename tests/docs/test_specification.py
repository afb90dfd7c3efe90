"""The specification's table: every path is served, every page tells it, and every test is there."""

import re

from services.gateway.contract import read
from services.gateway.openapi.document import document
from services.gateway.openapi.paths import path_of
from tests.contract.test_names import methods
from tests.docs.guides import ROOT

PAGE = ROOT / "docs/specification.md"
RPC_ROW = re.compile(
    r"^\| .+ \| `(\w+Service/\w+)` \| (.+?) \| \w.* \| \[[\w-]+\]\(([\w./-]+)\) \| `([\w/.]+)` \|$"
)
TEST = re.compile(r"`((?:[\w]+/)+test_\w+\.py)`")
LINES = PAGE.read_text().splitlines()
ROWS = [found.groups() for line in LINES if (found := RPC_ROW.match(line))]


def snake(method: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", method).lower()


def test_every_rpc_has_a_row_with_a_page_that_speaks_of_it_and_a_test_that_calls_it() -> None:
    assert sorted(name for name, *_ in ROWS) == sorted(methods())
    for name, rest, page, test in ROWS:
        method = name.partition("/")[2]
        assert method in (PAGE.parent / page).read_text(), (name, page)
        calls = (ROOT / "tests" / test).read_text()
        path = rest.strip("`").partition(" ")[2]
        assert re.search(rf"\b({method}|{snake(method)})", calls) or path in calls, (name, test)


def test_every_path_is_in_the_document_of_openapi() -> None:
    served = document(read())["paths"]
    for name, rest, *_ in ROWS:
        if rest != "no":
            verb, _, template = rest.strip("`").partition(" ")
            assert verb.lower() in served[path_of(template).path], name


def test_every_test_that_is_named_exists() -> None:
    named = set(TEST.findall(PAGE.read_text()))
    assert len(named) > 50
    assert [one for one in sorted(named) if not (ROOT / "tests" / one).exists()] == []


def test_every_name_of_the_public_specification_has_a_row() -> None:
    text = PAGE.read_text()
    routers = "create get list update delete deploy stop start updateVariantWeight toggleVariant getMetrics"
    routers += " getPredictions recordFeedback updatePermissions"
    drift = (
        "logPrediction getPredictions addGroundTruth uploadGroundTruth getUnmatchedPredictions createBaseline"
    )
    drift += " getActiveBaseline setActiveBaseline getBaselines analyze getLatestResult getResults"
    drift += " getAlertConfig updateAlertConfig getPerformanceHistory"
    wanted = [f"routers.{name}" for name in routers.split()] + [f"drift.{name}" for name in drift.split()]
    assert [name for name in wanted if f"| `{name}` |" not in text] == []
