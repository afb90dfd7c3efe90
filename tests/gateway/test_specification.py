"""The public specification's bodies, letter by letter, by curl; and what is made of them answers."""

import json
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from services.state.connection import connect
from tests.gateway.company import MODELS, REGISTRATION, Company, company
from tests.gateway.curl import curl
from tests.waiting import eventually

ENSEMBLE = "/api/v1/inference/ensemble"
PANEL = (
    '{"name": "churn-ensemble", "models": [{"model_id": "churn-xgb-v2", "weight": 0.6}, '
    '{"model_id": "churn-lgbm-v1", "weight": 0.4}], "strategy": "weighted", '
    '"aggregation": "weighted_average"}'
)
CANARY = (
    '{"name": "churn-canary", "strategy": "canary", "baseline_model": "churn-xgb-v2", '
    '"canary_model": "churn-xgb-v3", "canary_percentage": 10.0, '
    '"promotion_criteria": {"metric": "accuracy", "min_improvement": 0.01, "min_samples": 1000}}'
)
RULES = (
    '{"strategy": "feature_based", "rules": [{"condition": "contract_type == \'enterprise\'", '
    '"model": "churn-enterprise-v1"}, {"condition": "contract_type == \'consumer\'", '
    '"model": "churn-consumer-v1"}], "default_model": "churn-general-v2"}'
)


@pytest.fixture(scope="module")
async def opened(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    async with connect(redis_url) as connections:
        await connections.steady.flushdb()
    async with company(redis_url, tmp_path_factory.mktemp("company")) as made:
        for name in MODELS:
            model = {**REGISTRATION, "endpoints": [{"address": made.address}], "served_name": "churn"}
            body = json.dumps({"model_id": f"churn-{name}", "model": model})
            registered = await made.post("/v1/models", body)
            assert (registered.code, registered.json["name"]) == (200, f"models/churn-{name}"), (
                registered.body
            )
        yield made
    async with connect(redis_url) as connections:
        await connections.steady.flushdb()


def asked(contract: str) -> str:
    return json.dumps({"input": {"row": {"contract_type": contract}}})


async def test_the_first_body_asks_every_model(opened: Company) -> None:
    made = await opened.post(ENSEMBLE, PANEL)
    assert (made.code, made.json["mode"], made.json["router"]["name"]) == (
        200,
        "ENSEMBLE",
        "routers/churn-ensemble",
    )
    reply = await opened.post("/v1/routers/churn-ensemble:predict", asked("enterprise"))
    assert reply.code == 200, reply.body
    assert reply.json["output"]["classification"]["label"] == "yes"
    members = reply.json["manifest"]["participants"]
    assert {one["model"]: one["weight"] for one in members} == {
        "models/churn-xgb-v2": 0.6,
        "models/churn-lgbm-v1": 0.4,
    }
    again = await opened.post(ENSEMBLE, PANEL)
    assert (again.code, again.json["code"], again.reason) == (409, 6, "NAME_TAKEN")


async def test_the_second_body_is_a_canary(opened: Company) -> None:
    made = await opened.post(ENSEMBLE, CANARY)
    assert (made.code, made.json["mode"]) == (200, "ROUTE")
    assert made.json["router"]["canary"]["canary_percentage"] == 10
    reply = await opened.post("/v1/routers/churn-canary:predict", asked("consumer"))
    assert reply.json["manifest"]["participants"][0]["model"] in (
        "models/churn-xgb-v2",
        "models/churn-xgb-v3",
    )
    read = await curl(f"{opened.url}/v1/routers/churn-canary")
    assert read.json["canary"]["promotion_criteria"]["min_samples"] == "1000"


async def test_the_third_body_routes_by_the_input_under_a_name_that_is_made(opened: Company) -> None:
    made = await opened.post(ENSEMBLE, RULES)
    name = made.json["router"]["name"]
    assert re.fullmatch(r"routers/ensemble-\w+", name)
    by = {"enterprise": "enterprise-v1", "consumer": "consumer-v1", "prepaid": "general-v2"}
    for contract, model in by.items():
        reply = await opened.post(f"/v1/{name}:predict", asked(contract))
        assert [one["model"] for one in reply.json["manifest"]["participants"]] == [f"models/churn-{model}"]


async def test_what_is_wrong_with_a_body_is_told_by_its_fields(opened: Company) -> None:
    reply = await opened.post(
        ENSEMBLE, CANARY.replace("churn-xgb-v3", "churn-xgb-v9").replace("churn-canary", "c")
    )
    assert (reply.code, reply.reason) == (404, "MODEL_NOT_FOUND")
    assert [each["field"] for each in reply.json["details"][1]["field_violations"]] == ["canary_model"]
    wrong = await opened.post(
        ENSEMBLE, PANEL.replace('"weighted"', '"wieghted"').replace("churn-ensemble", "c")
    )
    assert (wrong.code, wrong.reason) == (400, "INVALID_ARGUMENT")
    assert [each["field"] for each in wrong.json["details"][1]["field_violations"]] == ["strategy"]


async def test_tokens_come_over_http_as_they_are_spoken(opened: Company) -> None:
    chat = {"protocol": "PROTOCOL_OPENAI_CHAT", "timeout": "10s", "endpoints": [{"address": opened.chat.url}]}
    for name in ("talker", "other"):
        await opened.post("/v1/models", json.dumps({"model_id": name, "model": chat}))
    router = {"router_id": "talk", "router": {"variants": [{"model": "talker"}, {"model": "other"}]}}
    assert (await opened.post("/v1/routers", json.dumps(router))).json["name"] == "routers/talk"
    deployed = await opened.post("/v1/routers/talk:deploy", "{}")
    assert deployed.json["state"] == "ROUTER_STATE_RUNNING", deployed.body
    body = {"request": {"input": {"text": "good morning to you"}}}
    where = "/v1/routers/talk:streamPredict"
    lines = [json.loads(line) for line in (await opened.post(where, json.dumps(body))).body.splitlines()]
    assert len(lines) >= 2
    assert "".join(line.get("delta", "") for line in lines) == "GOOD MORNING TO YOU"
    assert lines[-1]["response"]["manifest"]["router"] == "routers/talk"
    events = await opened.post(where, json.dumps(body), "-H", "accept: text/event-stream")
    told = [json.loads(event.removeprefix("data: ")) for event in events.body.decode().strip().split("\n\n")]
    assert "".join(event.get("delta", "") for event in told) == "GOOD MORNING TO YOU"


async def test_a_watch_follows_a_router_until_its_reader_leaves(opened: Company) -> None:
    variants = [{"model": "churn-xgb-v2"}, {"model": "churn-xgb-v3"}]
    await opened.post("/v1/routers", json.dumps({"router_id": "seen", "router": {"variants": variants}}))
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{opened.url}/v1/routers/seen:watch") as reply,
    ):
        first = json.loads(await reply.content.readline())
        await opened.post("/v1/routers/seen:deploy", "{}")

        async def running() -> bool:
            return b"RUNNING" in await reply.content.readline()

        assert first
        assert await eventually(running)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (
            ENSEMBLE,
            CANARY.replace("min_improvement", "min_improvment"),
            "promotion_criteria.min_improvment: ",
        ),
        ("/v1/routers", '{"router": {"variants": [{}, {"weigth": 1}]}}', "router.variants[1].weigth: "),
        ("/v1/predictions:batch", '{"requests": [{"inptu": {}}]}', "requests[0].inptu: "),
        ("/v1/routers/a:streamPredict", '{"input": {"text": "hello"}}', "has request, router"),
        ("/v1/routers/a:predict", '{"manifestView": "NONE"}', "which has MANIFEST_VIEW_FULL, "),
        (
            "/v1/routers",
            '{"router": {"ensemble": {"aggregation": "VOTE"}}}',
            "router.ensemble.aggregation: no",
        ),
        ("/v1/models/a:setAlias/?alias=b", '{"alais": "b"}', "alais: "),
    ],
)
async def test_a_field_that_nobody_knows_is_named_where_it_lies(
    opened: Company, path: str, body: str, said: str
) -> None:
    refused = await opened.post(path, body)
    assert (refused.code, refused.reason) == (400, "INVALID_ARGUMENT")
    assert said in refused.json["message"]


@pytest.mark.parametrize(
    "body",
    [
        '{"input": {"text": "a"}, "manifest_view": "manifest-view_ids"}',
        '{"input": {"text": "a"}, "manifest_view": 2}',
        '{"input": {"row": {"any name": [1, {"b": "]}"}]}}, "entityId": "x", "attributes": {"any one": "y"}}',
        '{ "input" : { "tabular" : { "numericFeatures" : { "any name" : 1e3 } } } , "event_time" : null }',
        '{"inp\\u0075t": {"text": "\\"}"}}',
    ],
)
async def test_names_that_are_values_are_no_fields(opened: Company, body: str) -> None:
    asked = await opened.post("/v1/routers/nowhere:predict", body)
    assert (asked.code, asked.reason) == (404, "ROUTER_NOT_FOUND")
