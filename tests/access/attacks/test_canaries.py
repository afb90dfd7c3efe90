"""Secrets are planted wherever the suite takes one; then everything that it wrote is searched for them."""

import io
import logging
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import pytest
from prometheus_client import generate_latest
from turnout.drift.v1 import alert_rpc_pb2 as alerts
from turnout.router.v1 import access_service_pb2 as access
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, Model
from turnout.router.v1.router_pb2 import Router

from services.foundation import logs
from services.foundation.errors import RemoteError
from services.foundation.redaction import secrets_in
from services.foundation.settings import Settings
from tests.access.house import BOOTSTRAP, TOKEN, House, enforced
from tests.models.chat_server import chat_server
from tests.waiting import eventually

CHAT, MODEL_KEY = "canary-in-a-conversation", "canary-key-of-a-model-server"
HOOK, HOOK_PATH, HOOK_HEADER = "canary-secret-of-a-webhook", "canary-path-of-a-webhook", "canary-of-a-header"
DRIFT = "turnout.drift.v1.DriftService"


class Written(NamedTuple):
    """All that a suite wrote, by where."""

    logs: str
    metrics: str
    redis: str
    replies: str
    told: dict[str, str]
    """What only its caller is to know: of each canary, what it is called."""


async def said(house: House, user: str, method: str, request: Any) -> str:
    """A reply or a refusal, in full."""
    try:
        return str(await house.call(user, method, request))
    except RemoteError as error:
        return f"{vars(error)} {error}"


async def conversing(house: House, stack: AsyncExitStack) -> list[str]:
    """Models that need a key, and a conversation with them; the replies."""
    chat = await stack.enter_async_context(chat_server())
    heard = list[str]()
    for name in ("one", "two"):
        model = Model(
            name=f"models/{name}", protocol=PROTOCOL_OPENAI_CHAT, secret_ref="env:CANARY_OF_A_MODEL"
        )
        model.endpoints.add(address=chat.url)
        model.timeout.seconds = 5
        registering = models.RegisterModelRequest(model=model)
        heard.append(await said(house, "admin", "ModelService/RegisterModel", registering))
    made = Router(variants=[{"model": "one"}, {"model": "two"}])
    creating = routers.CreateRouterRequest(router_id="talk", router=made)
    heard.append(await said(house, "admin", "RouterService/CreateRouter", creating))
    await house.call("admin", "RouterService/DeployRouter", routers.DeployRouterRequest(name="talk"))
    ask = inference.PredictRequest(router="talk")
    ask.input.chat.messages.add(role="user", content=CHAT)

    async def served() -> str:
        told = await said(house, "admin", "InferenceService/Predict", ask)
        return told if "prediction_id" in told else ""

    heard.append(await eventually(served, within=30))
    return heard


async def plant(house: House, stack: AsyncExitStack) -> list[str]:
    """Give the suite every secret that it takes, and use it, also where that fails; the replies."""
    heard = await conversing(house, stack)
    prediction = re.search(r'prediction_id: "([^"]+)"', heard[-1])
    assert prediction
    await house.recorded([prediction[1]])
    hook: dict[str, Any] = {"id": "ops", "url": f"http://127.0.0.1:9/{HOOK_PATH}", "secret": HOOK}
    hook["headers"] = {"X-Auth": HOOK_HEADER}
    config = alerts.UpdateAlertConfigRequest(model="one", config={"webhooks": [hook]})
    looked = routers.GetPredictionRequest(prediction_id=prediction[1])
    asked: list[tuple[str, Any]] = [
        ("RouterService/GetPrediction", looked),
        (f"{DRIFT}/UpdateAlertConfig", config),
        (f"{DRIFT}/TestAlert", alerts.TestAlertRequest(model="one")),
        ("AccessService/ListApiKeys", access.ListApiKeysRequest()),
        ("RouterService/ListAuditEvents", routers.ListAuditEventsRequest(page_size=1000)),
        ("ModelService/ListModels", models.ListModelsRequest()),
        ("ModelService/ProbeModel", models.ProbeModelRequest(name="one")),
    ]
    for user in ("admin", "owner", "forger", "anonymous"):
        heard += [await said(house, user, method, request) for method, request in asked]
    return heard


async def dumped(house: House) -> str:
    """Every value that is in Redis."""
    redis, found = house.connections.steady, list[str]()
    readers: dict[Any, Any] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"stream": redis.xrange,
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1),
    }
    for key in [key async for key in redis.scan_iter()]:
        found.append(f"{key!r} {await readers[await redis.type(key)](key)!r}")
    return "\n".join(found)


@pytest.fixture(scope="module")
async def written(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Written]:
    """A suite at the level DEBUG, its secrets planted."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream, folder = io.StringIO(), tmp_path_factory.mktemp("canaries")
    settings = Settings(access_service_token=TOKEN, access_bootstrap_key=BOOTSTRAP)
    logs.configure("suite", level="DEBUG", form="json", stream=stream, secrets=secrets_in(settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANARY_OF_A_MODEL", MODEL_KEY)
        try:
            async with enforced(redis_url, folder, log_level="DEBUG") as house, AsyncExitStack() as stack:
                house.keys["forger"] = house.keys["owner"][:-8] + "0" * 8
                heard = await plant(house, stack)
                pages = [generate_latest(one.registry).decode() for one in house.metrics.values()]
                redis = await dumped(house)
                told = ("\n".join(heard), dict(house.keys))
                yield Written(stream.getvalue(), "\n".join(pages), redis, *told)
                await house.connections.steady.flushdb()
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)


NEVER = {"service token": TOKEN, "bootstrap key": BOOTSTRAP, "a model's key": MODEL_KEY}


@pytest.mark.parametrize("secret", NEVER)
@pytest.mark.parametrize("place", ["logs", "metrics", "redis", "replies"])
def test_the_suite_s_own_secrets_are_nowhere(written: Written, place: str, secret: str) -> None:
    assert NEVER[secret] not in getattr(written, place)


@pytest.mark.parametrize("place", ["logs", "metrics", "redis", "replies"])
def test_keys_are_nowhere_once_they_were_given(written: Written, place: str) -> None:
    for user, key in written.told.items():
        if user != "admin":
            assert key.rpartition("_")[2][:32] not in getattr(written, place), user


@pytest.mark.parametrize("place", ["logs", "metrics", "redis", "replies"])
def test_what_was_said_is_answered_and_not_kept(written: Written, place: str) -> None:
    """A conversation is logged as its size and hash, unless the router says otherwise."""
    assert CHAT not in getattr(written, place)
    # The model repeats it in capitals, and its answer is content too.
    assert place == "replies" or CHAT.upper() not in getattr(written, place)


@pytest.mark.parametrize("canary", [HOOK, HOOK_HEADER])
def test_what_a_webhook_is_signed_with_is_kept_and_never_shown(written: Written, canary: str) -> None:
    assert canary in written.redis
    assert canary not in written.logs
    assert canary not in written.replies


def test_where_a_webhook_leads_is_not_logged(written: Written) -> None:
    assert HOOK_PATH not in written.logs


def test_the_search_would_find_what_is_there(written: Written) -> None:
    """Each place was written to, at the level DEBUG too."""
    assert '"level": "debug"' in written.logs
    assert "routers/talk" in written.redis
    assert "turnout_" in written.metrics
    assert "prediction_id" in written.replies


def test_no_file_of_the_suite_holds_one(written: Written, tmp_path_factory: pytest.TempPathFactory) -> None:
    del written
    for path in tmp_path_factory.getbasetemp().glob("canaries*/**/*"):
        if path.is_file():
            held = path.read_bytes()
            assert not [name for name, secret in NEVER.items() if secret.encode() in held], path
