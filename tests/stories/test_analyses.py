"""Members of a jury, asked by a real router: what each answers, beside its baseline and beside the other."""

import asyncio

import numpy as np
import pytest
from turnout.drift.v1 import analysis_pb2, drift_service_pb2, result_pb2
from turnout.drift.v1.baseline_pb2 import CategoricalColumn, Columns, NumericColumn
from turnout.drift.v1.baseline_rpc_pb2 import CreateBaselineRequest
from turnout.drift.v1.feature_role_pb2 import FEATURE_ROLE_PREDICTION, FEATURE_ROLE_SCORE
from turnout.router.v1 import model_service_pb2 as models

from examples.demo.rows import Supply
from examples.fleet.catalog import registration
from tests.stories.asking import SECONDS, deployed, predict, router
from tests.stories.suite import Suite
from tests.waiting import eventually

DRIFT = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"].full_name
VIEWS = {"analyses-right": "digits-right", "analyses-top": "digits-top"}
ROWS = 40


@pytest.fixture
async def members(suite: Suite) -> list[str]:
    """Two models of the fleet under names of this story, each with a baseline of ten equal digits."""
    where, client, drift = suite.ready["models"], suite.client("router"), suite.client("drift")
    rng = np.random.default_rng(3)
    columns = Columns(
        numeric={"sure": NumericColumn(values=rng.uniform(0.3, 1, 500))},
        categorical={"digit": CategoricalColumn(values=[str(row % 10) for row in range(500)])},
    )
    for name, served in VIEWS.items():
        model = registration(served, where[f"models/{served}"].removeprefix("grpc://"))
        model.name, model.served_name = f"models/{name}", served
        model.timeout.FromSeconds(int(SECONDS))
        register = models.RegisterModelRequest(model=model)
        await client.unary("turnout.router.v1.ModelService", "RegisterModel")(register, timeout=SECONDS)
        make = CreateBaselineRequest(
            model=name, columns=columns, prediction_column="digit", score_column="sure"
        )
        await drift.unary(DRIFT, "CreateBaseline")(make, timeout=SECONDS)
    return list(VIEWS)


async def test_answers_of_members_are_compared_with_their_baselines_and_with_each_other(
    suite: Suite, members: list[str]
) -> None:
    client, drift = suite.client("router"), suite.client("drift")
    await deployed(client, router("analyses-jury", *members, ensemble={}))
    supply = Supply("digits", 7)
    threes = (one for one in iter(supply.take, None) if one.truth == "3")
    asked = [next(threes) for _ in range(ROWS)]
    await asyncio.gather(*(predict(client, "analyses-jury", one) for one in asked))

    async def compared(reference: str = "") -> result_pb2.DriftResult:
        request = analysis_pb2.AnalyzeRequest(model=members[0], reference_model=reference)
        reply = await drift.unary(DRIFT, "Analyze")(request, timeout=SECONDS)
        assert reply.result.rows == ROWS
        found: result_pb2.DriftResult = reply.result
        return found

    own = await eventually(compared, within=20)
    columns = {one.role: one for one in own.features}
    digit = columns[FEATURE_ROLE_PREDICTION]
    assert (digit.feature, digit.status, digit.rows) == ("digit", result_pb2.DRIFT_STATUS_ALERT, ROWS)
    assert max(digit.bins, key=lambda bar: bar.current_share).label == "3"
    assert columns[FEATURE_ROLE_SCORE].rows == ROWS
    other = await compared(members[1])
    assert other.reference == f"models/{members[1]}"
    assert other.baseline_rows == ROWS
    assert {one.role for one in other.features} == {FEATURE_ROLE_PREDICTION, FEATURE_ROLE_SCORE}
