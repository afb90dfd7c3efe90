"""What is hidden takes what is missing: the same commands of Redis, counted by Redis itself."""

from collections import Counter
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from redis.asyncio import Redis

from services.foundation.contract import method_of
from services.foundation.errors import RemoteError
from tests.access.attacks.conftest import Scene
from tests.access.attacks.test_confusion import DRIFT, FEEDBACK, INFERENCE, MISSING, MODEL, ROUTER, told

ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "a router": (f"{ROUTER}/GetRouter", {"name": "{name}"}),
    "a router to change": (f"{ROUTER}/StopRouter", {"name": "{name}", "validate_only": True}),
    "a model": (f"{MODEL}/GetModel", {"name": "{name}"}),
    "a model's baseline": (f"{DRIFT}/GetActiveBaseline", {"model": "{name}"}),
    "a prediction": (f"{ROUTER}/GetPrediction", {"prediction_id": "{prediction}"}),
    "rewards": (f"{FEEDBACK}/GetRewards", {"router": "{name}"}),
    "an answer": (f"{INFERENCE}/Predict", {"router": "{name}", "input": {"text": "hello"}}),
}
# What the suite does all the time by itself, whoever asks.
BACKGROUND = {
    "ping",
    "info",
    "time",
    "set",
    "expire",
    "get",
    "mget",
    "evalsha",
    "config|get",
    "config|resetstat",
}
BACKGROUND |= {"xread", "xreadgroup", "xautoclaim", "xrevrange", "subscribe", "publish"}
MOST_TRIES = 30


async def reads(scene: Scene, method: str, request: dict[str, Any]) -> Counter[str]:
    """The commands that were sent while the stranger was refused, his own and those of others."""
    redis: Redis = scene.house.connections.steady
    service, _, name = method.partition("/")
    asked = ParseDict(request, method_of(service, name).request())
    await redis.config_resetstat()
    with pytest.raises(RemoteError):
        await scene.house.call("stranger", method, asked)
    found: Any = await redis.info("commandstats")
    counted = {key.removeprefix("cmdstat_"): told["calls"] for key, told in found.items()}
    return Counter({key: number for key, number in counted.items() if key not in BACKGROUND})


@pytest.mark.parametrize("what", ASKED)
async def test_hidden_takes_the_reads_of_missing(scene: Scene, what: str) -> None:
    """The least that either ever took: what others send meanwhile is not there each time."""
    method, request = ASKED[what]
    hidden = missing = None
    for _ in range(MOST_TRIES):
        one = await reads(scene, method, told(request, "vault", scene.prediction))
        other = await reads(scene, method, told(request, MISSING, scene.absent))
        hidden = one if hidden is None else hidden & one
        missing = other if missing is None else missing & other
        if hidden == missing:
            break
    assert hidden == missing
