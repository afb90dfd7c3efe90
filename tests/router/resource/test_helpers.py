"""Models that help an ensemble: found, followed through their aliases, and kept as long as they are named."""

from typing import Any

from turnout.router.v1.inference_service_pb2 import ExplainRequest
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, Model
from turnout.router.v1.router_pb2 import Router

from tests.router.conftest import BAYES, Desk
from tests.router.resource.asking import ask, fields_of, read, refusal, refused_update, update

REFEREE = "judge@referee"
HELPER = "router.ensemble.judge.check.verifier.helper.model"


async def enrol(desk: Desk, *names: str) -> None:
    """Chat models that nobody asks anything."""
    for name in names:
        endpoints = [{"address": "http://127.0.0.1:1/v1"}]
        await desk.register(Model(name=f"models/{name}", protocol=PROTOCOL_OPENAI_CHAT, endpoints=endpoints))


def judged(model: str) -> Router:
    verifier: dict[str, Any] = {"helper": {"model": model}}
    variants = [{"model": "cancer-bayes"}, {"model": "cancer-stump"}]
    return Router(variants=variants, ensemble={"judge": {"check": {"verifier": verifier}}})


async def give(desk: Desk, model: str) -> Any:
    return await ask(desk, "ModelService/SetAlias", model=model, alias=REFEREE)


async def explained(desk: Desk, router: str) -> str:
    request = ExplainRequest(router=router)
    request.input.row.update(BAYES)
    told = (await desk.call("InferenceService/Explain", request)).decision.explanation
    return str(told)


async def test_a_helper_may_name_an_alias_and_follows_it(desk: Desk) -> None:
    await enrol(desk, "strict", "mild")
    await give(desk, "strict")
    made = await desk.deploy("panel", judged(REFEREE))
    assert dict(made.resolved_aliases) == {f"models/{REFEREE}": "models/strict"}
    assert "until models/strict accepts an answer" in await explained(desk, "panel")
    moved = await give(desk, "mild")
    assert list(moved.routers) == ["routers/panel"]
    after = await read(desk, "panel")
    assert (after.generation, dict(after.resolved_aliases)) == (2, {f"models/{REFEREE}": "models/mild"})
    helper = after.ensemble.judge.check.verifier.helper
    assert helper.model == f"models/{REFEREE}"


async def test_an_alias_does_not_move_to_a_model_that_cannot_help(desk: Desk) -> None:
    await enrol(desk, "strict")
    await give(desk, "strict")
    await desk.create("panel", Router(
        variants=[{"model": "cancer-bayes"}, {"model": "cancer-stump"}],
        ensemble={"best_of_n": {"judge": {"model": REFEREE}}},
    ))  # fmt: skip
    error = await refusal(desk, "ModelService/SetAlias", model="cancer-bayes", alias=REFEREE)
    assert error.reason == "MODELS_DISAGREE"
    assert "a judge is a chat model" in error.message


async def test_a_helper_is_in_use(desk: Desk) -> None:
    await enrol(desk, "strict")
    await desk.create("panel", judged("strict"))
    error = await refusal(desk, "ModelService/DeleteModel", name="models/strict")
    assert error.reason == "MODEL_IN_USE"
    assert (await ask(desk, "ListRouters", model="strict")).routers[0].name == "routers/panel"
    await ask(desk, "DeleteRouter", name="panel")
    await ask(desk, "ModelService/DeleteModel", name="models/strict")


async def test_a_helper_that_nobody_registered_is_not_found(desk: Desk) -> None:
    error = await refusal(desk, "CreateRouter", router_id="panel", router=judged("nobody"))
    assert (error.reason, fields_of(error)) == ("MODEL_NOT_FOUND", [HELPER])
    await enrol(desk, "strict")
    made = await desk.create("panel", judged("strict"))
    made.ensemble.judge.check.verifier.helper.model = "nobody"
    error = await refused_update(desk, made, "ensemble")
    assert (error.reason, fields_of(error)) == ("MODEL_NOT_FOUND", [HELPER])


async def test_a_router_with_a_helper_changes_like_any_other(desk: Desk) -> None:
    await enrol(desk, "strict")
    made = await desk.create("panel", judged("strict"))
    await desk.seat("cancer-logistic")
    await ask(desk, "AddVariant", name="panel", variant={"model": "cancer-logistic"})
    after = await read(desk, "panel")
    after.ensemble.judge.max_rounds = 2
    assert (await update(desk, after, "ensemble.judge.max_rounds")).ensemble.judge.max_rounds == 2
    assert made.ensemble.judge.check == (await read(desk, "panel")).ensemble.judge.check
