"""Each analysis is told to the routers; what is told of a model goes with it."""

import random
import time

from turnout.drift.v1 import analysis_pb2 as rpc
from turnout.drift.v1.result_pb2 import DriftStatus
from turnout.router.v1.model_pb2 import Model

from services.drift.build import clearing_of
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.kinds import MODELS
from services.state.verdicts import VerdictReader
from tests.drift.conftest import Ask, creation
from tests.drift.test_consumer import member
from tests.drift.traffic import append
from tests.waiting import eventually


def reader(connections: Connections, model: Model) -> VerdictReader:
    return VerdictReader(connections, uid_of={model.name: model.uid}.get, now=time.time, rng=random.Random(1))


async def test_routers_know_the_status_of_the_latest_analysis(
    connections: Connections, ask: Ask, model: Model
) -> None:
    routers = reader(connections, model)
    await routers.poll()
    assert routers.get(model.name) is None
    await ask("CreateBaseline", creation())
    await ask("Analyze", rpc.AnalyzeRequest(model="churn"))
    await routers.poll()
    assert routers.get(model.name) == "insufficient_data"
    await append(connections, 1, 40)
    async with member(connections, "a") as consumer:
        await eventually(lambda: consumer.handled == 1)
    result = (await ask("Analyze", rpc.AnalyzeRequest(model="churn"))).result
    await routers.poll()
    assert routers.get(model.name) == DriftStatus.Name(result.status).removeprefix("DRIFT_STATUS_").lower()
    assert routers.version == 2


async def test_a_deleted_model_has_no_verdict_left(connections: Connections, ask: Ask, model: Model) -> None:
    await ask("CreateBaseline", creation())
    await ask("Analyze", rpc.AnalyzeRequest(model="churn"))
    store = ConfigStore(connections, MODELS, time.time, random.Random(7))
    await store.delete(model.name)
    await clearing_of(connections, time.time, random.Random(5)).sweep()
    routers = reader(connections, model)
    await routers.poll()
    assert (routers.get(model.name), routers.version) == (None, 2)
