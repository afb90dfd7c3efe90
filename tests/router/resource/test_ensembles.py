"""CreateEnsemble: the public specification's bodies as they stand, deployed or refused in their words."""

import asyncio
import random
import time
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.canary_pb2 import CanaryState
from turnout.router.v1.ensemble_service_pb2 import CreateEnsembleRequest
from turnout.router.v1.router_pb2 import Router, RouterState

from examples.fleet.catalog import registration
from services.foundation.errors import RemoteError
from services.router.config.defaults import with_defaults
from services.router.config.vocabulary import AGGREGATIONS, NEED_MORE, asks_all, place_in_body, router_of
from services.state.configs import ConfigStore
from services.state.connection import connect
from services.state.kinds import ROUTERS
from tests.router.conftest import Desk
from tests.router.resource.asking import ask, fields_of, read

# Letter by letter as users have them.
PANEL = {
    "name": "churn-ensemble",
    "models": [{"model_id": "churn-xgb-v2", "weight": 0.6}, {"model_id": "churn-lgbm-v1", "weight": 0.4}],
    "strategy": "weighted",
    "aggregation": "weighted_average",
}
CANARY = {
    "name": "churn-canary",
    "strategy": "canary",
    "baseline_model": "churn-xgb-v2",
    "canary_model": "churn-xgb-v3",
    "canary_percentage": 10.0,
    "promotion_criteria": {"metric": "accuracy", "min_improvement": 0.01, "min_samples": 1000},
}
RULES = {
    "strategy": "feature_based",
    "rules": [
        {"condition": "contract_type == 'enterprise'", "model": "churn-enterprise-v1"},
        {"condition": "contract_type == 'consumer'", "model": "churn-consumer-v1"},
    ],
    "default_model": "churn-general-v2",
}
MODELS = ("xgb-v2", "xgb-v3", "lgbm-v1", "enterprise-v1", "consumer-v1", "general-v2")


async def create(desk: Desk, body: dict[str, Any]) -> Any:
    return await desk.call("EnsembleService/CreateEnsemble", ParseDict(body, CreateEnsembleRequest()))


async def refused(desk: Desk, body: dict[str, Any]) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await create(desk, body)
    return caught.value


async def enrol(desk: Desk) -> None:
    """The specification's models, all of them one doctor."""
    for name in MODELS:
        model = registration("cancer-bayes", desk.servers["cancer-bayes"].address)
        model.name, model.served_name = f"models/churn-{name}", "cancer-bayes"
        await desk.register(model)


async def test_the_first_body_asks_all_and_says_so(desk: Desk) -> None:
    await enrol(desk)
    made = await create(desk, PANEL)
    router = made.router
    assert (made.mode, router.name) == ("ENSEMBLE", "routers/churn-ensemble")
    assert router.ensemble.aggregation == strategy.AGGREGATION_METHOD_WEIGHTED_AVERAGE
    assert router.ensemble.weight_source == strategy.WEIGHT_SOURCE_DECLARED
    assert [(one.model, one.weight) for one in router.variants] == [
        ("models/churn-xgb-v2", 0.6),
        ("models/churn-lgbm-v1", 0.4),
    ]
    assert (router.state, router.endpoint) == (RouterState.ROUTER_STATE_RUNNING, desk.address)
    assert (await refused(desk, PANEL)).reason == "NAME_TAKEN"


async def test_what_is_only_checked_is_told_and_not_made(desk: Desk) -> None:
    await enrol(desk)
    checked = await create(desk, {**PANEL, "validate_only": True})
    assert (checked.mode, checked.router.name) == ("ENSEMBLE", "routers/churn-ensemble")
    with pytest.raises(RemoteError, match="no routers/churn-ensemble"):
        await read(desk, "churn-ensemble")
    assert (await create(desk, PANEL)).router.state == RouterState.ROUTER_STATE_RUNNING
    again = {**PANEL, "validate_only": True}
    assert (await refused(desk, again)).reason == "NAME_TAKEN"
    wrong = {**PANEL, "name": "other", "strategy": "weihgted", "validate_only": True}
    assert "strategy" in fields_of(await refused(desk, wrong))


async def test_the_second_body_is_a_canary_that_answers_and_whose_trial_runs(desk: Desk) -> None:
    await enrol(desk)
    made = await create(desk, CANARY)
    canary = made.router.canary
    assert (made.mode, canary.canary_percentage) == ("ROUTE", 10.0)
    assert (canary.baseline_model, canary.canary_model) == ("churn-xgb-v2", "churn-xgb-v3")
    criteria = canary.promotion_criteria
    assert (criteria.metric, criteria.min_improvement, criteria.min_samples) == ("accuracy", 0.01, 1000)
    assert not any("promotion_criteria" in warning for warning in made.warnings)
    assert (canary.trial.state, canary.trial.number, canary.auto) == (
        CanaryState.CANARY_STATE_RUNNING,
        1,
        True,
    )
    assert (await desk.predict("churn-canary")).prediction_id
    (event, created) = (await ask(desk, "ListAuditEvents", resource="churn-canary")).events
    assert (created.method, event.method) == ("CreateEnsemble", "Rollout")


async def test_without_promotion_criteria_it_says_that_nothing_ends_the_trial(desk: Desk) -> None:
    await enrol(desk)
    made = await create(desk, {key: CANARY[key] for key in CANARY if key != "promotion_criteria"})
    (warning,) = made.warnings
    assert "neither promotion_criteria nor guardrails" in warning


def test_the_third_body_is_translated_whole() -> None:
    router = with_defaults(router_of(ParseDict(RULES, CreateEnsembleRequest())))
    assert [one.model for one in router.variants] == [
        "models/churn-enterprise-v1",
        "models/churn-consumer-v1",
        "models/churn-general-v2",
    ]
    assert [(one.condition, one.model) for one in router.feature_based.rules] == [
        ("contract_type == 'enterprise'", "churn-enterprise-v1"),
        ("contract_type == 'consumer'", "churn-consumer-v1"),
    ]
    assert router.feature_based.default_model == "churn-general-v2"


@pytest.mark.parametrize("name", ["random", "round_robin", "weighted", "bandit"])
async def test_without_a_name_one_is_made(desk: Desk, name: str) -> None:
    await enrol(desk)
    body = {"strategy": name, "models": [{"model_id": "churn-xgb-v2"}, {"model_id": "churn-xgb-v3"}]}
    made = await create(desk, body)
    assert made.router.name.startswith("routers/ensemble-")
    assert made.router.WhichOneof("strategy") == name
    assert made.mode == "ROUTE"


async def test_a_bandit_takes_its_options_and_echoes_its_defaults(desk: Desk) -> None:
    await enrol(desk)
    models = [{"model_id": "churn-xgb-v2"}, {"model_id": "churn-xgb-v3"}]
    plain = (await create(desk, {"name": "plain", "strategy": "bandit", "models": models})).router.bandit
    assert (plain.exploration_rate, plain.reward_window, plain.reward_metric) == (0.1, 1000, "accuracy")
    told = {"exploration_rate": 0.3, "reward_window": 50}
    made = (await create(desk, {"name": "own", "strategy": "bandit", "models": models, **told})).router.bandit
    assert (made.exploration_rate, made.reward_window) == (0.3, 50)


async def test_models_that_are_not_registered_are_named_each_by_its_field(desk: Desk) -> None:
    error = await refused(desk, PANEL)
    assert (error.code, error.reason) == ("NOT_FOUND", "MODEL_NOT_FOUND")
    assert fields_of(error) == ["models[0].model_id", "models[1].model_id"]
    assert fields_of(await refused(desk, CANARY)) == ["baseline_model", "canary_model"]
    assert fields_of(await refused(desk, RULES)) == ["rules[0].model", "rules[1].model", "default_model"]
    assert not (await ask(desk, "ListRouters")).routers


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"strategy": "best"}, ["strategy"]),
        ({"strategy": "WEIGHTED"}, ["strategy"]),
        ({"aggregation": "mean"}, ["aggregation"]),
        ({"strategy": "random", "aggregation": "vote"}, ["aggregation"]),
        ({"canary_percentage": 5}, ["canary_percentage"]),
        ({"default_model": "churn-xgb-v2"}, ["default_model"]),
        ({"exploration_rate": 0.1}, ["exploration_rate"]),
        ({"name": "Not A Name"}, ["name"]),
        ({"models": [{"model_id": "churn-xgb-v2"}], "aggregation": ""}, ["models"]),
        (
            {
                "models": [{"model_id": "churn-xgb-v2", "weight": -1}, {"model_id": "churn-xgb-v3"}],
                "aggregation": "",
            },
            ["models[0].weight"],
        ),
        (
            {"models": [*PANEL["models"], {"model_id": "models/churn-xgb-v2", "weight": 0.1}, {}]},
            ["models[2].model_id", "models[3].model_id"],
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_in_the_bodys_words(
    desk: Desk, change: dict[str, Any], fields: list[str]
) -> None:
    await enrol(desk)
    error = await refused(desk, PANEL | change)
    assert (error.code, fields_of(error)) == ("INVALID_ARGUMENT", fields)
    assert not (await ask(desk, "ListRouters", show_deleted=True)).routers


@pytest.mark.parametrize("percentage", [-0.5, 100.5])
async def test_a_percentage_has_two_ends(desk: Desk, percentage: float) -> None:
    await enrol(desk)
    error = await refused(desk, CANARY | {"canary_percentage": percentage})
    assert fields_of(error) == ["canary_percentage"]
    for end in (0.0, 100.0):
        made = await create(desk, CANARY | {"name": f"canary-{end:g}", "canary_percentage": end})
        assert made.router.canary.canary_percentage == end
        assert (await read(desk, f"canary-{end:g}")).state == RouterState.ROUTER_STATE_RUNNING


@pytest.mark.parametrize("name", [name for name in AGGREGATIONS if name not in NEED_MORE])
def test_an_aggregation_by_its_own_name_asks_all(name: str) -> None:
    body = CreateEnsembleRequest(models=[{"model_id": "a"}, {"model_id": "b"}], aggregation=name)
    assert asks_all(body)
    made = router_of(body).ensemble
    assert made.aggregation == AGGREGATIONS[name]
    expected = strategy.WEIGHT_SOURCE_CONFIDENCE if name == "weighted_average" else 0
    assert made.weight_source == expected


@pytest.mark.parametrize(("name", "field"), [("stacking", "stacking"), ("semantic_mean", "embedder")])
async def test_what_the_body_has_no_words_for_is_told_where_it_goes(
    desk: Desk, name: str, field: str
) -> None:
    error = await refused(desk, PANEL | {"aggregation": name})
    assert fields_of(error) == ["aggregation"]
    assert "CreateRouter" in error.message
    assert field in error.message


async def test_a_cascade_by_its_name_has_its_defaults(desk: Desk) -> None:
    await enrol(desk)
    made = (await create(desk, PANEL | {"aggregation": "cascade"})).router.ensemble
    assert (made.cascade.min_confidence, made.HasField("quorum")) == (0.8, False)


def test_our_fields_are_called_as_the_body_calls_them() -> None:
    assert place_in_body("router.variants[3].model") == "models[3].model_id"
    assert place_in_body("router.feature_based.rules[0].condition") == "rules[0].condition"
    assert place_in_body("router.default_deadline") == "router.default_deadline"


async def test_the_same_request_again_is_one_ensemble_whatever_its_name(desk: Desk) -> None:
    await enrol(desk)
    nameless = {key: PANEL[key] for key in PANEL if key != "name"} | {"request_id": "r-1"}
    replies = await asyncio.gather(*(create(desk, nameless) for _ in range(4)))
    (name,) = {reply.router.name for reply in replies}
    (uid,) = {reply.router.uid for reply in replies}
    assert {reply.mode for reply in replies} == {"ENSEMBLE"}
    assert [one.name for one in (await ask(desk, "ListRouters")).routers] == [name]
    again = await create(desk, nameless)
    assert (again.router.uid, again.router.state) == (uid, RouterState.ROUTER_STATE_RUNNING)
    assert list(again.warnings) == list(replies[0].warnings)
    # Without the id it is another one.
    other = await create(desk, {key: nameless[key] for key in nameless if key != "request_id"})
    assert other.router.name != name


async def test_a_request_id_belongs_to_one_body(desk: Desk) -> None:
    await enrol(desk)
    await create(desk, PANEL | {"request_id": "r-1"})
    error = await refused(desk, PANEL | {"name": "another", "request_id": "r-1"})
    assert (error.reason, fields_of(error)) == ("REQUEST_ID_REUSED", ["request_id"])
    assert fields_of(await refused(desk, PANEL | {"request_id": "x" * 65})) == ["request_id"]


async def test_sent_again_it_answers_though_its_models_are_gone_by_now(desk: Desk) -> None:
    await enrol(desk)
    body = PANEL | {"request_id": "r-1"}
    first = await create(desk, body)
    await ask(desk, "DeleteRouter", name="churn-ensemble")
    await ask(desk, "ModelService/DeleteModel", name="churn-xgb-v2")
    assert (await create(desk, body)).router.uid == first.router.uid
    assert not (await ask(desk, "ListRouters")).routers


async def test_a_rollout_that_nobody_ended_is_taken_up_when_sent_again(desk: Desk, redis_url: str) -> None:
    await enrol(desk)
    body = PANEL | {"request_id": "r-1"}
    first = (await create(desk, body)).router
    connections = connect(redis_url)
    routers = ConfigStore(connections, ROUTERS, time.time, random.Random(1))

    def left(router: Router) -> None:
        router.state, router.endpoint = RouterState.ROUTER_STATE_DEPLOYING, ""

    await routers.update(first.name, left, new_generation=False)
    again = (await create(desk, body)).router
    assert (again.state, again.endpoint) == (RouterState.ROUTER_STATE_RUNNING, desk.address)
    await connections.close()
