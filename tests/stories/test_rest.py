"""The gateway of a whole suite: every curl line of the reference, and every service behind the one port."""

import json
from typing import Any

import pytest

from services.cli.healthy import healthy
from services.cli.ready import alive
from tests.gateway.curl import Reply, curl
from tests.stories.reference import Example, documents, examples, missing
from tests.stories.suite import ROOT, Suite
from tests.stories.test_reference import filled, remember
from tests.stories.test_reflection import SERVICES, buf
from tests.waiting import eventually

PAGE = ROOT / "docs/reference/rest.md"
WRITTEN = "http://127.0.0.1:8080"


def check(example: Example, reply: Reply) -> None:
    """The reply has what is shown."""
    got = list(documents(reply.body.decode()))
    assert not list(missing(example.shown, got[: len(example.shown)])), reply.body


async def test_every_line_of_the_page_answers_what_it_shows(suite: Suite) -> None:
    known: dict[str, str] = {}
    written = examples(PAGE, "curl")
    assert len(written) > 10
    for example in written:
        words = [filled(word, known).replace(WRITTEN, suite.ready["gateway"]) for word in example.words[1:]]

        async def right(example: Example = example, words: list[str] = words) -> Reply:
            reply = await curl(*words)
            check(example, reply)
            return reply

        # Replicas of the router hear of a new one a moment later.
        reply = await eventually(right, within=20)
        remember(list(documents(reply.body.decode())), known)


async def test_one_reflection_tells_of_every_service(suite: Suite) -> None:
    for protocol in ("grpc-v1", "grpc-v1alpha"):
        code, out, wrong = await buf("--reflect-protocol", protocol, "--list-methods", suite.ready["gateway"])
        assert code == 0, wrong
        for services in SERVICES.values():
            for service in services:
                assert {f"{service.full_name}/{method.name}" for method in service.methods} <= set(
                    out.split()
                )


@pytest.mark.parametrize(
    ("method", "request_", "key"),
    [
        ("turnout.router.v1.ModelService/ListModels", {}, "models"),
        ("turnout.feedback.v1.FeedbackService/GetRewards", {"router": "nowhere"}, None),
        ("turnout.drift.v1.DriftService/ListBaselines", {"model": "cancer-bayes"}, None),
        ("turnout.aggregator.v1.AggregatorService/GetDivergence", {"router": "nowhere"}, None),
        ("inference.GRPCInferenceService/ServerLive", {}, "live"),
    ],
)
async def test_every_service_answers_as_grpc(
    suite: Suite, method: str, request_: dict[str, Any], key: str | None
) -> None:
    """An answer, or a refusal of the service's own: never a path that nobody serves."""
    code, out, wrong = await buf("-d", json.dumps(request_), f"{suite.ready['gateway']}/{method}")
    if key is None:
        assert code == 0 or '"not_found"' in wrong, wrong
    else:
        assert key in json.loads(out), wrong


async def test_the_document_and_the_page_are_served_and_health_is_told(suite: Suite) -> None:
    gateway = suite.ready["gateway"]
    told = await curl(f"{gateway}/openapi.json")
    assert told.headers["content-type"] == "application/json"
    assert "/v1/routers/{router}:predict" in told.json["paths"]
    page = await curl(f"{gateway}/")
    assert page.headers["content-type"].startswith("text/html")
    assert b":predict" in page.body
    assert (await curl(f"{gateway}/healthz")).code == 200
    assert await healthy(gateway.removeprefix("http://"))
    numbers = await curl(suite.ready["metrics"]["gateway"][0])
    assert b"envoy_http_downstream_rq_total" in numbers.body
    assert alive(suite.ready["pids"]["gateway"][0])
