"""What drift keeps of a model goes with the model."""

import random
import time
from collections.abc import AsyncIterator

import pytest
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest
from turnout.drift.v1.baseline_rpc_pb2 import GetActiveBaselineRequest, ListBaselinesRequest
from turnout.router.v1.model_pb2 import Model

from services.drift.build import clearing_of
from services.foundation.errors import RemoteError
from services.state import drift_keys, formats, keys
from services.state.catalog import CatalogFollower
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.ids import partition_for
from services.state.kinds import MODELS
from tests.drift.conftest import Ask, creation
from tests.drift.test_consumer import member
from tests.drift.traffic import append
from tests.state.background import running
from tests.waiting import eventually


@pytest.fixture
async def clearing(connections: Connections) -> AsyncIterator[None]:
    """A running drift process clears away what belongs to nobody."""
    one = clearing_of(connections, time.time, random.Random(5))
    catalog = CatalogFollower(connections, rng=random.Random(6), on_change=one.told)
    async with running(catalog.run(), one.run()):
        await catalog.ready.wait()
        yield


async def kept(connections: Connections) -> list[bytes]:
    """Keys of baselines, profiles and results."""
    found = [key async for key in connections.steady.scan_iter(count=1000)]
    marks = (b":baselines:", b":profile:", b":drift-result:")
    return [key for key in found if any(mark in key for mark in marks)]


async def busy(connections: Connections, ask: Ask) -> None:
    """The model gets two baselines, one of them active, profiles and a result."""
    await ask("CreateBaseline", creation(baseline_id="one"))
    await ask("CreateBaseline", creation(baseline_id="two", activate=False))
    await append(connections, 1, 40)
    async with member(connections, "a") as consumer:
        await eventually(lambda: consumer.handled == 1)
    assert (await ask("Analyze", AnalyzeRequest(model="churn"))).result.rows == 40


async def test_a_model_made_again_starts_from_nothing(
    connections: Connections, ask: Ask, model: Model, clearing: None
) -> None:
    await busy(connections, ask)
    store = ConfigStore(connections, MODELS, time.time, random.Random(7))
    await store.delete(model.name)

    async def cleared() -> bool:
        return await kept(connections) == []

    await eventually(cleared)
    assert await connections.steady.hlen(drift_keys.active_baselines()) == 0
    await store.create(Model(name=model.name))
    assert list((await ask("ListBaselines", ListBaselinesRequest(model="churn"))).baselines) == []
    with pytest.raises(RemoteError) as refused:
        await ask("GetActiveBaseline", GetActiveBaselineRequest(model="churn"))
    assert refused.value.reason == "BASELINE_NOT_FOUND"


async def test_what_was_deleted_while_nobody_listened_is_found(
    connections: Connections, ask: Ask, model: Model
) -> None:
    await ask("CreateBaseline", creation(activate=False))
    await ConfigStore(connections, MODELS, time.time, random.Random(7)).delete(model.name)
    assert await kept(connections)
    await clearing_of(connections, time.time, random.Random(5)).sweep()
    assert await kept(connections) == []


async def test_models_that_live_or_that_a_newer_version_wrote_keep_theirs(
    connections: Connections, ask: Ask, model: Model
) -> None:
    await busy(connections, ask)
    before = sorted(await kept(connections))
    sweeper = clearing_of(connections, time.time, random.Random(5))
    await sweeper.sweep()
    config = keys.config(partition_for(model.uid), "models", model.uid)
    await connections.steady.hset(config, "format", str(formats.CONFIG + 1))
    await sweeper.sweep()
    assert sorted(await kept(connections)) == before
