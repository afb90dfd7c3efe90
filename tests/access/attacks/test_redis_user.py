"""Redis as SECURITY.md has it: a user with the commands that the suite needs and no other; a day's work under
it leaves nothing in Redis' list of what it refused."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError
from turnout.drift.v1 import logging_pb2 as logging
from turnout.drift.v1 import truth_pb2 as truth
from turnout.feedback.v1 import feedback_service_pb2 as feedback
from turnout.inference.v1.event_pb2 import Truth
from turnout.router.v1 import access_service_pb2 as access
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.foundation.errors import RemoteError
from services.state.connection import connect
from services.state.embedded import EmbeddedRedis
from tests.access.house import House, enforced
from tests.fleet import fleet_model
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
NAMES = ("cancer-bayes", "cancer-stump")
PASSWORD = "a password of tests, with no blank in it".replace(" ", "-")
DRIFT, FEEDBACK = "turnout.drift.v1.DriftService", "turnout.feedback.v1.FeedbackService"


def rule() -> list[str]:
    """The words of the user in SECURITY.md."""
    page = (ROOT / "SECURITY.md").read_text()
    found = re.search(r"^user turnout (on .*?)\n```", page, re.DOTALL | re.MULTILINE)
    assert found, "SECURITY.md has no line that begins with: user turnout on"
    return found[1].replace("\\\n", " ").replace(">PASSWORD", f">{PASSWORD}").split()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedRedis]:
    async with EmbeddedRedis(tmp_path / "redis") as server:
        root: Redis = Redis(port=server.port)
        await root.execute_command("ACL", "SETUSER", "turnout", *rule())  # type: ignore[no-untyped-call]
        await root.aclose()
        yield server


async def predicted(house: House) -> str:
    request = inference.PredictRequest(router="jury", entity_id="one")
    request.input.row.update({"mean radius": 14.2, "mean texture": 20.1})
    made: inference.PredictResponse | None = None

    async def served() -> bool:
        nonlocal made
        try:
            made = await house.call("owner", "InferenceService/Predict", request)
        except RemoteError:
            return False
        return True

    await eventually(served, within=30)
    assert made is not None
    return made.prediction_id


async def a_day(house: House, stack: AsyncExitStack) -> None:
    """Models, a bandit, predictions, what came of them, and what was learnt and noticed."""
    for name in NAMES:
        model = await stack.enter_async_context(fleet_model(name))
        request = models.RegisterModelRequest(model=registration(name, model.address))
        await house.call("owner", "ModelService/RegisterModel", request)
    jury = Router(variants=[{"model": name} for name in NAMES], bandit={})
    await house.call(
        "owner", "RouterService/CreateRouter", routers.CreateRouterRequest(router_id="jury", router=jury)
    )
    await house.call("owner", "RouterService/DeployRouter", routers.DeployRouterRequest(name="jury"))
    prediction = await predicted(house)
    await house.recorded([prediction])
    given = feedback.RecordFeedbackRequest(prediction_id=prediction, reward=1.0)
    await house.call("owner", f"{FEEDBACK}/RecordFeedback", given)
    told = truth.AddGroundTruthRequest(prediction_id=prediction, truth=Truth(label="benign"))
    await house.call("owner", f"{DRIFT}/AddGroundTruth", told)
    await eventually(partial(counted, house), within=30)
    await house.call("owner", f"{DRIFT}/ListPredictions", logging.ListPredictionsRequest(model=NAMES[0]))
    one = logging.LogPredictionRequest(model=NAMES[0], label="benign", external_id="order-7")
    await house.call("owner", f"{DRIFT}/LogPrediction", one)
    await house.call("owner", "RouterService/GetMetrics", routers.GetMetricsRequest(name="jury"))
    await house.call("owner", "RouterService/ListAuditEvents", routers.ListAuditEventsRequest())
    await house.call("owner", "RouterService/ListPredictions", routers.ListPredictionsRequest(router="jury"))
    await house.call("owner", "RouterService/DeleteRouter", routers.DeleteRouterRequest(name="jury"))
    gone = access.RevokeApiKeyRequest(id=house.ids["viewer"])
    await house.call("admin", "AccessService/RevokeApiKey", gone)


async def test_a_day_s_work_needs_no_command_that_the_user_does_not_have(
    server: EmbeddedRedis, tmp_path: Path
) -> None:
    url = f"redis://turnout:{PASSWORD}@127.0.0.1:{server.port}/0"
    root: Redis = Redis(port=server.port, decode_responses=True)
    async with enforced(server.url, tmp_path, user_url=url) as house, AsyncExitStack() as stack:
        await a_day(house, stack)
    refused: Any = await root.acl_log()
    assert [(entry["reason"], entry["object"]) for entry in refused] == []
    await root.aclose()


async def counted(house: House) -> bool:
    """Whether feedback has heard of the prediction, and applied what came of it."""
    asked = feedback.GetRewardsRequest(router="jury")
    found = await house.call("owner", f"{FEEDBACK}/GetRewards", asked)
    return any(arm.pulls for arm in found.rewards.arms)


FORBIDDEN = (
    ("FLUSHALL",),
    ("CONFIG", "SET", "dir", "/tmp"),  # noqa: S108
    ("KEYS", "*"),
    ("SCRIPT", "FLUSH"),
    ("REPLICAOF", "NO", "ONE"),
    ("SHUTDOWN",),
    ("ACL", "LIST"),
    ("GET", "another:key"),
    ("PUBLISH", "another:channel", "x"),
    ("EVAL", "return redis.call('FLUSHALL')", "0"),
)


@pytest.mark.parametrize("words", FORBIDDEN, ids=lambda words: words[0])
async def test_what_would_harm_others_is_refused(server: EmbeddedRedis, words: tuple[str, ...]) -> None:
    user: Redis = Redis(port=server.port, username="turnout", password=PASSWORD)
    with pytest.raises(Exception, match=r"(?i)permission|NOPERM|ACL failure") as caught:
        await user.execute_command(*words)  # type: ignore[no-untyped-call]
    assert isinstance(caught.value, NoPermissionError) or "ACL" in str(caught.value)
    await user.aclose()


def allowed() -> set[str]:
    return {word[1:].partition("|")[0].upper() for word in rule() if word.startswith("+")}


def called() -> Iterator[tuple[str, str]]:
    """Commands of our scripts, each with its file."""
    for file in sorted((ROOT / "services").rglob("*.lua")):
        for name in re.findall(r"redis\.p?call\(\s*['\"](\w+)['\"]", file.read_text()):
            yield name.upper(), file.name


def test_every_command_of_a_script_is_the_user_s() -> None:
    """Those that a day does not come by, too."""
    assert [one for one in called() if one[0] not in allowed()] == []


async def test_a_wrong_password_is_told_without_it(server: EmbeddedRedis) -> None:
    async with connect(f"redis://turnout:not-{PASSWORD}@127.0.0.1:{server.port}/0") as connections:
        with pytest.raises(Exception, match=r"state store|WRONGPASS|password") as caught:
            await connections.steady.ping()
    assert PASSWORD not in str(caught.value)
