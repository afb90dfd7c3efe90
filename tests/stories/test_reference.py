"""Every line of the reference, as it stands, on a running suite."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pool
from turnout.router.v1.router_pb2 import Router

from tests.contract.test_pending import PENDING, SERVICERS
from tests.models.chat_server import chat_server
from tests.stories.ensembles.speaking import Reader
from tests.stories.grpcurl import Answer, run
from tests.stories.reference import PAGES, Example, alike, examples, missing
from tests.stories.suite import ROOT, Suite
from tests.waiting import eventually

PORTS = {"50051": "router", "50052": "aggregator", "50053": "feedback", "50054": "drift"}
# Where pages say that a chat model of one's own is meant to listen.
OWN_CHAT = "http://127.0.0.1:11434"
# What others tell each other a moment later: records of predictions, what came of them, who changed what.
LATER = re.compile(r"/((Get|List|Export)\w+|Analyze)$")


def filled(text: str, known: dict[str, str]) -> str:
    """The text with what earlier answers said."""
    return re.sub(r"\$([A-Za-z_]+)", lambda name: known[name[1]], text)


def here(suite: Suite, words: list[str], known: dict[str, str], chat: str) -> list[str]:
    """The command with the suite's own addresses, and with what earlier answers said."""

    def put(word: str) -> str:
        word = word.replace(OWN_CHAT, chat)
        for port, service in PORTS.items():
            word = word.replace(f"127.0.0.1:{port}", suite.ready[service])
        return filled(word, known)

    return [put(word) for word in words]


def remember(answer: Any, known: dict[str, str]) -> None:
    """Keep the last text of each name in an answer; of two, the one that is less deep."""
    if isinstance(answer, list):
        for item in reversed(answer):
            remember(item, known)
    if isinstance(answer, dict):
        for value in answer.values():
            remember(value, known)
        known |= {name: value for name, value in answer.items() if isinstance(value, str)}


def check(example: Example, answer: Answer) -> None:
    """The answer contains what is shown, or is the error that is shown."""
    if example.error is not None:
        assert answer.error is not None, f"expected {example.error}, got {answer.documents}"
        code, message = example.error
        assert answer.error[0] == code, answer.error
        assert alike(message, answer.error[1]), f"{answer.error[1]}\nis not\n{message}"
    else:
        assert answer.error is None, answer.error
        assert not list(missing(example.shown, answer.documents[: len(example.shown)]))


async def play(suite: Suite, page: Path, chat: str) -> None:
    """Every command of a page, in order; one that reads what others write gets a while to be right. `chat` is
    where a model of one's own listens."""
    known: dict[str, str] = {}
    for written in examples(page):
        words = here(suite, written.words, known, chat)
        example = written._replace(shown=json.loads(filled(json.dumps(written.shown), known)))

        async def right(example: Example = example, words: list[str] = words) -> Answer:
            answer = await run(example, words)
            try:
                check(example, answer)
            except AssertionError as wrong:
                wrong.add_note(f"{page.name}:{example.line}: {example.command}")
                raise
            return answer

        reads = LATER.search(example.method) and not example.error
        answer = await (eventually(right, within=20) if reads else right())
        remember(answer.documents, known)


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
async def test_every_line_of_a_page_answers_what_it_shows(suite: Suite, page: Path) -> None:
    async with chat_server() as server:
        server.behave = Reader(server).serve
        # On the other pages nobody listens there.
        await play(suite, page, server.url if page.stem == "aggregation" else OWN_CHAT)


def test_every_rpc_of_the_router_that_works_has_a_line() -> None:
    shown = {example.method for page in PAGES for example in examples(page)}
    served = {
        f"{servicer.SERVICE}/{method.name}"
        for servicer in SERVICERS
        if servicer.SERVICE.startswith("turnout.router.")
        for method in descriptor_pool.Default().FindServiceByName(servicer.SERVICE).methods
    }
    # What it follows comes only while others ask: it is described, and has tests of its own.
    assert served - shown - set(PENDING) == {"turnout.router.v1.RouterService/WatchPredictions"}


def test_every_link_of_a_page_leads_somewhere() -> None:
    folder = ROOT / "docs/reference"
    links = {
        link for page in folder.glob("*.md") for link in re.findall(r"\]\(([\w./-]+)\)", page.read_text())
    }
    assert "../specification.md" in links
    assert sorted(link for link in links if not (folder / link).exists()) == []


def test_every_strategy_has_a_chapter() -> None:
    chapters = re.findall(r"^## (\w+)$", (ROOT / "docs/reference/strategies.md").read_text(), re.MULTILINE)
    assert set(chapters) >= {field.name for field in Router.DESCRIPTOR.oneofs_by_name["strategy"].fields}


def test_no_two_pages_make_the_same_thing() -> None:
    """Pages are played on one suite, and readers try them on one."""
    made = [
        name
        for page in PAGES
        for example in examples(page)
        if not example.error and re.search(r"/(Create|Register)\w+$", example.method)
        for name in re.findall(r'"(?:router_id|model_id|name)": "([^"]+)"', " ".join(example.words))[:1]
    ]
    assert sorted(set(made)) == sorted(made)
