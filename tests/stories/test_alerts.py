"""A model drifts, its schedule notices, a webhook is told, and its router sends its traffic elsewhere."""

import random
import time
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import alert_rpc_pb2 as rpc
from turnout.drift.v1 import drift_service_pb2, logging_pb2
from turnout.drift.v1.alert_config_pb2 import AlertConfig
from turnout.drift.v1.alert_pb2 import ALERT_STATE_FIRING
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest
from turnout.drift.v1.baseline_pb2 import Columns, NumericColumn
from turnout.drift.v1.baseline_rpc_pb2 import CreateBaselineRequest
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1.router_pb2 import Policy

from services.drift.alerts.signing import verify
from services.state import alert_keys
from services.state.connection import connect
from services.state.ids import partition_for
from tests.drift.alerts.receiver import Receiver, receiving
from tests.stories.asking import SECONDS, deployed, router
from tests.stories.suite import Suite
from tests.stories.test_quality import REGISTRY, decides, registered
from tests.waiting import eventually

DRIFT = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"].full_name
MAIN, SPARE, ROUTER = "alerting-main", "alerting-spare", "alerting-router"
SIGNED_WITH = "the story's own, of many letters"
ROWS, MINUTE = 300, 60


async def ask(suite: Suite, method: str, request: Any) -> Any:
    return await suite.client("drift").unary(DRIFT, method)(request, timeout=SECONDS)


def ordinary(rng: random.Random, centre: float) -> float:
    return rng.gauss(centre, 3.0)


async def log(suite: Suite, minute: int, centre: float) -> None:
    """Predictions of that minute, made elsewhere, of tumours of about that size."""
    rng = random.Random(minute + int(centre))
    made = [
        logging_pb2.LogPredictionRequest(
            model=MAIN,
            input=Input(tabular=TabularInput(numeric_features={"mean radius": ordinary(rng, centre)})),
            event_time=Timestamp(seconds=minute + rng.randrange(MINUTE)),
        )
        for _ in range(ROWS)
    ]

    async def sent() -> Any:
        yield logging_pb2.LogPredictionsRequest(predictions=made)

    reply = await suite.client("drift").upload(DRIFT, "LogPredictions")(sent(), timeout=SECONDS)
    assert reply.logged == ROWS


async def drifted(suite: Suite, minute: int) -> None:
    """The model has seen, in that minute, what it was not made for. A baseline reaches those who count a
    moment after it was made."""
    window = AnalyzeRequest(
        model=MAIN, start_time=Timestamp(seconds=minute), end_time=Timestamp(seconds=minute + MINUTE)
    )

    async def counted() -> bool:
        await log(suite, minute, 30.0)
        result = (await ask(suite, "Analyze", window)).result
        return bool(result.rows >= ROWS)

    await eventually(counted, within=60)


async def scheduled(suite: Suite, receiver: Receiver, since: int) -> None:
    """A schedule by the minute, as if it had been in force for a while: nobody waits for a minute to pass."""
    config = {
        "schedule": {"interval": {"seconds": MINUTE}},
        "hysteresis": {"bad_looks": 1, "of_looks": 1, "good_looks": 100},
        "webhooks": [{"id": "story", "url": receiver.url, "secret": SIGNED_WITH}],
    }
    await ask(suite, "UpdateAlertConfig", rpc.UpdateAlertConfigRequest(model=MAIN, config=config))
    found = await suite.client("router").unary(REGISTRY, "GetModel")(
        models.GetModelRequest(name=MAIN), timeout=SECONDS
    )
    place = alert_keys.alert_configs(partition_for(found.model.uid))
    async with connect(suite.ready["redis"]) as connections:
        stored = AlertConfig.FromString(await connections.steady.hget(place, found.model.uid) or b"")
        stored.schedule.enabled = True
        stored.schedule.start_time.seconds = since
        await connections.steady.hset(place, found.model.uid, stored.SerializeToString())
        await connections.steady.hincrby(place, "version", 1)


async def test_drift_is_noticed_told_and_routed_around(suite: Suite) -> None:
    client = suite.client("router")
    await registered(client, MAIN, "cancer-stump", price=1.0)
    await registered(client, SPARE, "cancer-bayes", price=1.0)
    rng = random.Random(5)
    values = [ordinary(rng, 14.0) for _ in range(2_000)]
    columns = Columns(numeric={"mean radius": NumericColumn(values=values)})
    await ask(suite, "CreateBaseline", CreateBaselineRequest(model=MAIN, columns=columns))
    wanted = router(ROUTER, MAIN, SPARE, weighted={})
    wanted.variants[0].weight, wanted.variants[1].weight = 100, 0
    away = Policy(name="away", condition=f"drift('models/{MAIN}') == 'alert'", variant=SPARE)
    wanted.policies.append(away)
    await deployed(client, wanted)
    assert (await decides(client, ROUTER)).variant == MAIN

    minute = (int(time.time()) // MINUTE - 3) * MINUTE
    await drifted(suite, minute)
    async with receiving() as receiver:
        await scheduled(suite, receiver, minute - MINUTE)
        await eventually(lambda: len(receiver.notes) == 1, within=30)
        (note,) = receiver.notes
    assert verify(SIGNED_WITH.encode(), note.body, note.headers["Turnout-Signature"], time.time())
    assert (note.said["event"], note.said["model"]) == ("firing", f"models/{MAIN}")
    assert note.said["alert"]["features"][0]["feature"] == "mean radius"

    async def moved() -> bool:
        return (await decides(client, ROUTER)).variant == SPARE

    await eventually(moved, within=30)
    watch: Any = suite.client("drift").stream(DRIFT, "WatchAlerts")(
        rpc.WatchAlertsRequest(model=MAIN), timeout=SECONDS
    )
    told = await anext(watch)
    assert (told.current, told.alert.state) == (True, ALERT_STATE_FIRING)
    assert told.alert.name.endswith(note.said["alert"]["name"].rpartition("/")[2])
    await watch.aclose()
