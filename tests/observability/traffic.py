"""Enough happens on a suite that everything that dashboards show is there."""

import asyncio
import random
import time
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import alert_rpc_pb2, drift_service_pb2, logging_pb2
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest
from turnout.drift.v1.baseline_pb2 import Columns, NumericColumn
from turnout.drift.v1.baseline_rpc_pb2 import CreateBaselineRequest
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1 import ensemble_pb2, strategy_pb2
from turnout.router.v1 import inference_service_pb2 as inference

from examples.demo.faults import set_mode
from examples.demo.rows import Supply
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.stories.asking import INFERENCE, SECONDS, deployed, predict, router, tell
from tests.stories.suite import Suite
from tests.waiting import eventually

DRIFT = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"].full_name
AVERAGE = strategy_pb2.EnsembleStrategy(
    aggregation=strategy_pb2.AGGREGATION_METHOD_AVERAGE, full_panel_fraction=1.0
)
# The first that is sure of anything will do: the other is spared.
CASCADE = strategy_pb2.EnsembleStrategy(cascade=ensemble_pb2.Cascade(min_confidence=0.1))
WATCHED, BROKEN = "cancer-stump", "digits-svm"
CANARY = {
    "baseline_model": "digits-top",
    "canary_model": "digits-right",
    "canary_percentage": 50.0,
    "promotion_criteria": {"metric": "accuracy", "min_improvement": 0.05, "min_samples": 1000},
}
ROUTERS = (
    router("watched-bandit", "digits-bottom", "digits-right", bandit={}),
    router("watched-canary", "digits-top", "digits-right", canary=CANARY),
    router("watched-jury", "digits-right", "digits-top", "digits-bottom", ensemble=AVERAGE),
    router("watched-cascade", "digits-right", "digits-top", ensemble=CASCADE),
)
ROUNDS = 30


async def happen(suite: Suite) -> None:
    """Predictions by every kind of router, labels, a model that breaks, and one whose world has changed."""
    client = suite.client("router")
    for one in ROUTERS:
        await deployed(client, one)
    await asyncio.gather(_ask(suite, client), _break(suite, client), _drift(suite))


async def _ask(suite: Suite, client: Client) -> None:
    supply = Supply("digits", 51)
    for _ in range(ROUNDS):
        for one in ROUTERS:
            reply = await predict(client, one.name, supply.take())
            await tell(suite.client("feedback"), reply.prediction_id, reply.output.classification.label)
    nothing = inference.PredictRequest(router=ROUTERS[0].name)
    nothing.input.tabular.numeric_features["unheard of"] = 1.0
    with pytest.raises(RemoteError) as refused:
        await client.unary(INFERENCE, "Predict")(nothing, timeout=SECONDS)
    assert refused.value.code == "INVALID_ARGUMENT"


async def _break(suite: Suite, client: Client) -> None:
    """A model hangs until it is ejected; another answers in its place."""
    wanted = router("watched-fallback", BROKEN, "digits-top", weighted={})
    wanted.variants[0].weight, wanted.variants[1].weight = 95, 5
    wanted.fallback.variants.append("digits-top")
    await deployed(client, wanted)
    await set_mode(suite.ready["controls"][f"models/{BROKEN}"], "hang")
    supply = Supply("digits", 52)
    for _ in range(ROUNDS // 2):
        await predict(client, wanted.name, supply.take())


async def _drift(suite: Suite) -> None:
    """What the model is asked is not what it was made for; two looks by hand, and an alert config."""
    client, rng = suite.client("drift"), random.Random(53)
    values = [rng.gauss(14, 3) for _ in range(2_000)]
    columns = Columns(numeric={"mean radius": NumericColumn(values=values)})
    await client.unary(DRIFT, "CreateBaseline")(
        CreateBaselineRequest(model=WATCHED, columns=columns), timeout=SECONDS
    )
    config = {"schedule": {"enabled": True, "interval": {"seconds": 60}}}
    await client.unary(DRIFT, "UpdateAlertConfig")(
        alert_rpc_pb2.UpdateAlertConfigRequest(model=WATCHED, config=config), timeout=SECONDS
    )

    async def counted() -> Any:
        await client.upload(DRIFT, "LogPredictions")(_seen(rng), timeout=SECONDS)
        found = await client.unary(DRIFT, "Analyze")(AnalyzeRequest(model=WATCHED), timeout=SECONDS)
        return found.result.rows >= 1_000

    await eventually(counted, within=60)


async def _seen(rng: random.Random) -> Any:
    made = [
        logging_pb2.LogPredictionRequest(
            model=WATCHED,
            input=Input(tabular=TabularInput(numeric_features={"mean radius": rng.gauss(30, 3)})),
            event_time=Timestamp(seconds=int(time.time()) - 90),
        )
        for _ in range(300)
    ]
    yield logging_pb2.LogPredictionsRequest(predictions=made)
