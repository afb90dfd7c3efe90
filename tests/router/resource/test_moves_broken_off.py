"""Moves of aliases that broke off midway: whoever repeats them, or deploys, brings the routers along."""

import random
import time
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import model_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.router.deciding.rulings import Compiled
from services.router.managing.aliases import resolved
from services.router.replay.ruling import rule_again
from services.state.alias_table import AliasTable
from services.state.audit import Author, event_of
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.kinds import MODELS, ROUTERS
from services.state.once import once
from tests.router.conftest import Desk, doctors
from tests.router.resource.asking import ask, read, refusal
from tests.router.resource.test_aliases import CHAMPION, duel, give, stand_for

REQUEST_ID = "0f0e4a44-8f6f-4f39-9d3e-1a3f6ad0c001"
BAYES, LOGISTIC = "models/cancer-bayes", "models/cancer-logistic"


async def move_table(connections: Connections, model: str) -> None:
    """Give the champion's alias away as SetAlias does first; then nothing more comes."""
    table = AliasTable(connections)
    event = event_of(Author("ann", "SetAlias", "1"), model, "uid", 0, ["aliases"])
    await table.move(model, [CHAMPION], [], await table.all(), event)


async def leave_behind(connections: Connections, name: str = "routers/duel") -> None:
    """Have a router stand where it stood before its alias moved, as if its mover had died first."""
    routers: ConfigStore[Router] = ConfigStore(connections, ROUTERS, time.time, random.Random(1))

    def former(router: Router) -> None:
        router.variants[0].resolved_model = BAYES

    await routers.update(name, former)


async def test_a_move_given_again_brings_the_routers_along(desk: Desk, connections: Connections) -> None:
    await desk.seat("cancer-logistic")
    await duel(desk)
    await move_table(connections, LOGISTIC)
    assert stand_for(await read(desk, "duel"))[0] == BAYES
    would = await give(desk, "cancer-logistic", CHAMPION, validate_only=True)
    assert list(would.routers) == ["routers/duel"]
    assert stand_for(await read(desk, "duel"))[0] == BAYES
    assert list((await give(desk, "cancer-logistic", CHAMPION)).routers) == ["routers/duel"]
    assert stand_for(await read(desk, "duel"))[0] == LOGISTIC
    assert not (await give(desk, "cancer-logistic", CHAMPION)).routers


async def test_a_change_of_a_model_that_died_before_its_alias_moved_is_made_good(
    desk: Desk, connections: Connections
) -> None:
    await desk.seat("cancer-logistic")
    await duel(desk)
    mask = FieldMask(paths=["aliases", "family"])
    request = rpc.UpdateModelRequest(
        model=Model(name=LOGISTIC, aliases=[CHAMPION], family="lines"), update_mask=mask
    )
    request.request_id = REQUEST_ID
    owner = (await ask(desk, "ModelService/GetModel", name=LOGISTIC)).model.owner
    models: ConfigStore[Model] = ConfigStore(connections, MODELS, time.time, random.Random(2))
    # The model's own part is written, under this request id; the table of aliases is not.
    family = "lines"
    await models.update(
        LOGISTIC, lambda one: setattr(one, "family", family), once=once("UpdateModel", request, owner)
    )
    assert not (await ask(desk, "ModelService/GetModel", name=LOGISTIC)).model.aliases
    made = (await desk.call("ModelService/UpdateModel", request)).model
    assert (list(made.aliases), made.family, made.generation) == ([CHAMPION], "lines", 2)
    assert stand_for(await read(desk, "duel"))[0] == LOGISTIC
    await leave_behind(connections)
    assert (await desk.call("ModelService/UpdateModel", request)).model == made
    assert stand_for(await read(desk, "duel"))[0] == LOGISTIC
    # Somebody else's move since is not taken back.
    await give(desk, "cancer-bayes", CHAMPION)
    await desk.call("ModelService/UpdateModel", request)
    assert stand_for(await read(desk, "duel"))[0] == BAYES


async def test_a_registration_sent_again_brings_the_routers_along(
    desk: Desk, connections: Connections
) -> None:
    await duel(desk)
    request = rpc.RegisterModelRequest(
        model=registration("cancer-logistic", "127.0.0.1:9"), request_id=REQUEST_ID
    )
    request.model.aliases.append(CHAMPION)
    first = await desk.call("ModelService/RegisterModel", request)
    await leave_behind(connections)
    assert await desk.call("ModelService/RegisterModel", request) == first
    assert stand_for(await read(desk, "duel"))[0] == LOGISTIC


@pytest.mark.parametrize("verb", ["DeployRouter", "StartRouter"])
async def test_who_is_deployed_stands_where_its_aliases_do(
    desk: Desk, connections: Connections, verb: str
) -> None:
    await desk.seat("cancer-logistic")
    await duel(desk)
    if verb == "StartRouter":
        await desk.deploy("duel")
        await ask(desk, "StopRouter", name="duel")
    await move_table(connections, LOGISTIC)
    assert stand_for((await ask(desk, verb, name="duel")).router)[0] == LOGISTIC
    asked = inference.ExplainRequest(router="duel", variant="cancer-champion")
    assert (await desk.call("InferenceService/Explain", asked)).decision.model == LOGISTIC


def reading(condition: str) -> dict[str, Any]:
    return {"policies": [{"name": "p", "condition": condition, "variant": "cancer-stump"}]}


async def test_an_alias_that_a_condition_alone_reads_moves_its_router_too(desk: Desk) -> None:
    await desk.seat("cancer-logistic")
    await give(desk, "cancer-bayes", CHAMPION)
    made = await desk.deploy("cancer", doctors(**reading(f"metrics('{CHAMPION}').accuracy < 0.9")))
    assert dict((await read(desk, "cancer")).resolved_aliases) == {f"models/{CHAMPION}": BAYES}
    moved = await give(desk, "cancer-logistic", CHAMPION)
    assert list(moved.routers) == ["routers/cancer"]
    after = await read(desk, "cancer")
    assert dict(after.resolved_aliases) == {f"models/{CHAMPION}": LOGISTIC}
    assert after.generation == made.generation + 1
    mask = FieldMask(paths=["aliases"])
    error = await refusal(desk, "ModelService/UpdateModel", model=Model(name=LOGISTIC), update_mask=mask)
    assert error.reason == "MODEL_IN_USE"


async def test_replay_reads_the_metrics_of_whom_the_alias_stood_for(desk: Desk) -> None:
    await give(desk, "cancer-bayes", CHAMPION)
    stored = await desk.create("cancer", doctors(**reading(f"metrics('{CHAMPION}').accuracy < 0.9")))
    router = resolved(stored)
    models = {one: Model(name=one) for one in (BAYES, "models/cancer-stump")}
    event = PredictionEvent()
    event.features.numeric_features["mean radius"] = 14.0
    event.manifest.decision.policy = "p"
    measured = {BAYES: ModelMetrics(model=BAYES, accuracy=0.5)}
    assert rule_again(event, router, models, measured, Compiled()).mismatches == []
    measured = {BAYES: ModelMetrics(model=BAYES, accuracy=0.95)}
    found = rule_again(event, router, models, measured, Compiled()).mismatches
    assert found == ["the rules lead to the strategy, the manifest says p"]
