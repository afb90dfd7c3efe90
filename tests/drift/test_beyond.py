"""What lies beyond the baseline's outermost edges, as results tell it, over a real channel."""

import numpy as np
import pytest
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest
from turnout.drift.v1.baseline_pb2 import Columns, NumericColumn
from turnout.drift.v1.result_pb2 import DRIFT_STATUS_ALERT, DRIFT_STATUS_OK, DRIFT_STATUS_WARNING, DriftStatus
from turnout.router.v1.model_pb2 import Model

from services.state.connection import Connections
from tests.drift.conftest import Ask, creation
from tests.drift.test_analyze import by_name, log
from tests.drift.traffic import prediction

ROWS = 400


async def test_the_share_out_of_range_is_of_the_values_there_are(
    connections: Connections, ask: Ask, model: Model
) -> None:
    """Half of the rows lack the age; of the others a quarter is older than anybody was."""
    await ask("CreateBaseline", creation())
    rng = np.random.default_rng(7)
    events = [prediction(rng) for _ in range(ROWS)]
    for place, event in enumerate(events):
        event.features.numeric_features["age"] = 40.0
        if place % 2:
            del event.features.numeric_features["age"]
        elif place % 8 == 0:
            event.features.numeric_features["age"] = 200.0
        if place % 4:
            del event.features.categorical_features["plan"]
        elif place % 16 == 0:
            event.features.categorical_features["plan"] = "platinum"
    await log(connections, events)
    found = by_name((await ask("Analyze", AnalyzeRequest(model="churn"))).result)
    assert (found["age"].rows, found["age"].out_of_range_share) == (ROWS // 2, 0.25)
    assert (found["plan"].rows, found["plan"].out_of_range_share) == (ROWS // 4, 0.25)


@pytest.mark.parametrize("wild", [False, True])
async def test_a_distance_with_values_beyond_every_edge_has_no_margin(
    connections: Connections, ask: Ask, model: Model, wild: bool
) -> None:
    """They count as at the edge: how much further they are is not known, and none is claimed."""
    await ask("CreateBaseline", creation())
    rng = np.random.default_rng(8)
    events = [prediction(rng) for _ in range(ROWS)]
    for event in events:
        age = event.features.numeric_features["age"]
        event.features.numeric_features["age"] = min(max(age, 15.0), 60.0)
    if wild:
        events[0].features.numeric_features["age"] = 1e9
    await log(connections, events)
    found = by_name((await ask("Analyze", AnalyzeRequest(model="churn"))).result)["age"]
    assert found.HasField("wasserstein")
    assert found.HasField("wasserstein_margin") is not wild


@pytest.mark.parametrize(
    ("each", "status"), [(40, DRIFT_STATUS_OK), (12, DRIFT_STATUS_WARNING), (5, DRIFT_STATUS_ALERT)]
)
async def test_many_values_far_beyond_their_decile_are_not_ok(
    connections: Connections, ask: Ask, model: Model, each: int, status: DriftStatus
) -> None:
    """The oldest and the youngest tenth stay in the bins they were in, and PSI is nothing."""
    await ask("CreateBaseline", creation())
    rng = np.random.default_rng(9)
    # The deciles' middles, so that nothing but the wild ones has moved.
    usual = np.quantile(rng.normal(40, 10, 100_000), (np.arange(ROWS) + 0.5) / ROWS)
    ages = sorted(usual.tolist())
    wild = ROWS // each // 2
    ages[:wild], ages[-wild:] = [-1e6] * wild, [1e6] * wild
    events = [prediction(rng) for _ in range(ROWS)]
    for event, age in zip(events, ages, strict=True):
        event.features.numeric_features["age"] = age
    await log(connections, events)
    result = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
    age = by_name(result)["age"]
    assert (age.psi < 0.1, age.out_of_range_changed, age.status) == (True, True, status)
    assert ("values out of range" in result.summary) is (status != DRIFT_STATUS_OK)


async def test_the_least_of_values_from_zero_on_is_zero(ask: Ask, model: Model) -> None:
    """And not -0, which is how the number above the edge below it reads."""
    columns = Columns(numeric={"age": NumericColumn(values=[float(place % 50) for place in range(ROWS)])})
    reply = await ask("CreateBaseline", creation(columns=columns))
    assert (str(reply.baseline.features[0].min), reply.baseline.features[0].max) == ("0.0", 49.0)


async def test_numbers_of_single_precision_are_those_of_the_baseline(
    connections: Connections, ask: Ask, model: Model
) -> None:
    """Tenths in a file of doubles, and the same tenths from a client that sends 32 bits."""
    rng = np.random.default_rng(11)
    tenths = rng.integers(1, 10, (2, ROWS)) / 10
    columns = Columns(numeric={"age": NumericColumn(values=tenths[0])})
    await ask("CreateBaseline", creation(columns=columns))
    events = [prediction(rng) for _ in range(ROWS)]
    for event, value in zip(events, tenths[1].astype("<f4"), strict=True):
        event.ClearField("features")
        event.tensors.tensors.add(name="age", datatype="FP32", shape=[1, 1])
        event.tensors.raw_contents.append(value.tobytes())
    await log(connections, events)
    result = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
    age = by_name(result)["age"]
    assert (age.status, age.rows, age.out_of_range_share) == (DRIFT_STATUS_OK, ROWS, 0.0)
    assert age.psi < 0.1
