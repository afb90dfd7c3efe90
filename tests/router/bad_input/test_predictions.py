"""Predictions that cannot be made: refused by field before a model is asked, and no event of them is kept."""

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1 import model_pb2
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import RemoteError
from services.foundation.sizes import HEADROOM
from services.state import keys
from services.state.ids import partition_for
from tests.fleet import fleet_model, scripted_model
from tests.router.bad_input.conftest import Office, Told, bare, told
from tests.router.conftest import BAYES, Desk, doctors
from tests.waiting import eventually

MIB = 1024 * 1024


async def events(office: Office, router: Router) -> list[PredictionEvent]:
    """Of the router's partition, as they were logged."""
    entries = await office.redis.xrange(keys.events(partition_for(router.uid)))
    batches = [EventBatch.FromString(next(iter(fields.values()))) for _, fields in entries]
    return [PredictionEvent.FromString(one) for batch in batches for one in batch.predictions]


async def ask(desk: Desk, given: Input, **how: Any) -> rpc.PredictResponse:
    request = rpc.PredictRequest(router="cancer", input=given, **how)
    reply: rpc.PredictResponse = await desk.call("InferenceService/Predict", request)
    return reply


async def only_the_good_one(office: Office, router: Router, good: Input, **how: Any) -> None:
    """The next request is served, and is the only event: whatever came before it would stand before it."""
    reply = await ask(office.desk, good, **how)

    async def logged() -> list[PredictionEvent]:
        return await events(office, router)

    assert [one.manifest.prediction_id for one in await eventually(logged)] == [reply.prediction_id]
    made = office.desk.metrics.registry.get_sample_value
    labels = {"strategy": "weighted", "model": reply.manifest.decision.model}
    assert made("ensemble_routing_decisions_total", labels) == 1


def tabular(**columns: float | str) -> Input:
    """Columns by name, underscores for blanks: numbers as numeric, the rest as categories."""
    named = {name.replace("_", " "): value for name, value in columns.items()}
    return Input(
        tabular=TabularInput(
            numeric_features={name: value for name, value in named.items() if not isinstance(value, str)},
            categorical_features={name: value for name, value in named.items() if isinstance(value, str)},
        )
    )


def row(columns: dict[str, Any]) -> Input:
    made = Input()
    made.row.update(columns)
    return made


GOOD = row(BAYES)
NUMERIC, CATEGORY = "input.tabular.numeric_features", "input.tabular.categorical_features"
MISFITS: dict[str, tuple[Input, str, str]] = {
    "a missing column of a row": (row({"mean radius": 1.0}), "input.row['mean texture']", "missing"),
    "a missing column of a map": (tabular(mean_radius=1.0), f"{NUMERIC}['mean texture']", "missing"),
    "a slip of the pen": (
        tabular(mean_radius=1.0, mean_textur=1.0),
        f"{NUMERIC}['mean texture']",
        "missing; did you mean it by 'mean textur'?",
    ),
    "null": (row({**BAYES, "mean radius": None}), "input.row['mean radius']", "missing"),
    "a string in a row": (
        row({**BAYES, "mean radius": "wide"}),
        "input.row['mean radius']",
        "a number expected, got the string 'wide'",
    ),
    "a string in a map": (
        tabular(mean_radius="17", mean_texture=1.0),
        f"{CATEGORY}['mean radius']",
        "a number expected, got the string '17'",
    ),
    "a boolean": (
        row({**BAYES, "mean radius": True}),
        "input.row['mean radius']",
        "a number expected, got true",
    ),
    "a list": (
        row({**BAYES, "mean radius": [1.0]}),
        "input.row['mean radius']",
        "a number, a string or null expected",
    ),
    "NaN": (
        tabular(mean_radius=math.nan, mean_texture=1.0),
        f"{NUMERIC}['mean radius']",
        "a finite number expected, got nan; the signature does not say nullable",
    ),
    "infinity": (
        tabular(mean_radius=1.0, mean_texture=math.inf),
        f"{NUMERIC}['mean texture']",
        "a finite number expected, got inf; the signature does not say nullable",
    ),
    "minus infinity in a row": (
        row({**BAYES, "mean texture": -math.inf}),
        "input.row['mean texture']",
        "a finite number expected, got -inf; the signature does not say nullable",
    ),
    "another kind": (Input(text="ill"), "input", "row, tabular or tensors expected, got text"),
}


@pytest.mark.parametrize(("given", "field", "said"), MISFITS.values(), ids=MISFITS)
async def test_what_does_not_fit_the_signature_is_refused_by_column(
    office: Office, given: Input, field: str, said: str
) -> None:
    router = await office.desk.deploy("cancer", doctors())
    told = await office.refused(ask(office.desk, given, variant="cancer-bayes"))
    message = f"the input does not fit models/cancer-bayes: {field}: {said}"
    assert told == Told("INVALID_ARGUMENT", "INPUT_MISMATCH", [field], message)
    assert office.desk.servers["cancer-bayes"].calls == 0
    await only_the_good_one(office, router, GOOD, variant="cancer-bayes")


async def clerk(_: ModelInferRequest) -> ModelInferResponse:
    """Accepts everybody."""
    reply = ModelInferResponse(model_name="clerk")
    reply.outputs.add(name="label", datatype="BYTES", shape=[1]).contents.bytes_contents.append(b"accepted")
    return reply


@pytest.fixture
async def clerks(desk: Desk) -> AsyncIterator[Router]:
    """A router over two models that read a plan, gold or silver, and a number of years."""
    async with scripted_model("clerk", clerk) as server:
        for name in ("first", "second"):
            model = Model(
                name=f"models/{name}",
                served_name="clerk",
                protocol=model_pb2.PROTOCOL_OIP_GRPC,
                endpoints=[model_pb2.Endpoint(address=server.address)],
            )
            numeric, category = model_pb2.FEATURE_KIND_NUMERIC, model_pb2.FEATURE_KIND_CATEGORICAL
            model.signature.features.add(name="plan", kind=category, categories=["gold", "silver"])
            model.signature.features.add(name="years", kind=numeric, dtype="INT32")
            model.signature.layout.kind = model_pb2.LAYOUT_KIND_PER_COLUMN
            model.signature.outputs.kind = model_pb2.OUTPUT_KIND_CLASSIFICATION
            model.signature.outputs.label = "label"
            await desk.register(model)
        yield await desk.deploy("cancer", Router(variants=[{"model": "first"}, {"model": "second"}]))
        assert server.calls == 1


CLERKS: dict[str, tuple[Input, str, str]] = {
    "a number for a category": (
        tabular(plan=1.0, years=3.0),
        f"{NUMERIC}['plan']",
        "a string expected, got the number 1",
    ),
    "no such category": (
        tabular(plan="iron", years=3.0),
        f"{CATEGORY}['plan']",
        "one of the column's categories expected (gold, silver), got 'iron'",
    ),
    "a fraction for a whole number": (
        tabular(plan="gold", years=3.5),
        f"{NUMERIC}['years']",
        "a whole number from -2147483648 to 2147483647 expected, got 3.5",
    ),
    "a column twice": (
        Input(
            tabular=TabularInput(
                numeric_features={"plan": 1.0, "years": 3.0}, categorical_features={"plan": "gold"}
            )
        ),
        f"{CATEGORY}['plan']",
        "the column is given more than once",
    ),
}


@pytest.mark.parametrize(("given", "field", "said"), CLERKS.values(), ids=CLERKS)
async def test_categories_and_whole_numbers_are_held_to_their_signature(
    office: Office, clerks: Router, given: Input, field: str, said: str
) -> None:
    told = await office.refused(ask(office.desk, given, variant="first"))
    message = f"the input does not fit models/first: {field}: {said}"
    assert told == Told("INVALID_ARGUMENT", "INPUT_MISMATCH", [field], message)
    await only_the_good_one(office, clerks, tabular(plan="gold", years=3.0), variant="first")


async def test_an_unknown_router_is_not_found_and_the_known_one_serves(office: Office) -> None:
    router = await office.desk.deploy("cancer", doctors())
    told = await office.refused(office.desk.predict("nobody"))
    assert told == Told("NOT_FOUND", "ROUTER_NOT_FOUND", ["router"], "there is no routers/nobody")
    await only_the_good_one(office, router, GOOD)


async def test_an_unknown_variant_is_not_found(office: Office) -> None:
    router = await office.desk.deploy("cancer", doctors())
    told = await office.refused(office.desk.predict("cancer", variant="nobody"))
    said = "routers/cancer has no variant 'nobody'; it has cancer-bayes, cancer-stump"
    assert told == Told("NOT_FOUND", "VARIANT_NOT_FOUND", ["variant"], said)
    await only_the_good_one(office, router, GOOD)


async def test_a_request_without_an_input_is_refused(office: Office) -> None:
    router = await office.desk.deploy("cancer", doctors())
    told = await office.refused(ask(office.desk, Input()))
    said = "input: is required: give one of row, tabular, tensors, text, image, chat"
    assert told == Told("INVALID_ARGUMENT", "INVALID_ARGUMENT", ["input"], said)
    await only_the_good_one(office, router, GOOD)


async def test_a_payload_over_the_limit_is_refused_with_its_size_and_the_limit(office: Office) -> None:
    router = await office.desk.deploy("cancer", doctors())
    request = rpc.PredictRequest(router="cancer", input=Input(text="x" * (5 * MIB)))
    told = await office.refused(office.desk.call("InferenceService/Predict", request))
    said = (
        f"turnout.router.v1.PredictRequest has {request.ByteSize()} bytes; at most {4 * MIB} are accepted "
        "(the setting message_bytes)"
    )
    assert told == Told("RESOURCE_EXHAUSTED", "TOO_LARGE", [], said)
    await only_the_good_one(office, router, GOOD)


async def test_a_payload_far_over_the_limit_is_cut_off_and_the_next_one_served(office: Office) -> None:
    """Nobody of ours sees it, so there is no more to say than the transport does."""
    router = await office.desk.deploy("cancer", doctors())
    told = await office.refused(ask(office.desk, Input(text="x" * (HEADROOM * 4 * MIB))))
    assert (told.code, told.fields) == ("RESOURCE_EXHAUSTED", [])
    await only_the_good_one(office, router, GOOD)


async def test_a_configuration_over_the_limit_is_not_stored(office: Office) -> None:
    router = doctors(description="x" * (5 * MIB))
    told = await office.refuse("RouterService/CreateRouter", router_id="cancer", router=router)
    assert (told.code, told.reason) == ("RESOURCE_EXHAUSTED", "TOO_LARGE")
    assert told.message.startswith("turnout.router.v1.CreateRouterRequest has 52429")
    assert not (await office.manage("RouterService/ListRouters", show_deleted=True)).routers
    assert (await office.desk.create("cancer", doctors())).generation == 1


async def test_a_dead_model_costs_its_own_predictions_and_each_is_accounted_for(office: Office) -> None:
    desk = office.desk
    router = await desk.deploy("cancer", doctors())
    stump = desk.servers["cancer-stump"]
    await stump.drain(grace=0)
    with_id: list[str] = []
    for _ in range(2):
        refusal, prediction = await failed(office, variant="cancer-stump")
        assert refusal[:3] == ("UNAVAILABLE", "MODEL_FAILED", [])
        assert bare(refusal.message).startswith("models/cancer-stump: cannot be reached: it refused")
        assert refusal.message.endswith(f"(prediction {prediction})")
        with_id.append(prediction)
    served = (await desk.predict("cancer", variant="cancer-bayes")).prediction_id

    async def all_logged() -> list[PredictionEvent]:
        found = await events(office, router)
        return found if len(found) >= 3 else []

    logged = await eventually(all_logged)
    assert [(one.manifest.prediction_id, one.error_code) for one in logged] == [
        (with_id[0], "UNAVAILABLE"),
        (with_id[1], "UNAVAILABLE"),
        (served, ""),
    ]
    async with fleet_model("cancer-stump", port=int(stump.address.rpartition(":")[2])):
        assert await eventually(lambda: _answers(desk))
    after = (await office.manage("RouterService/GetRouter", name="cancer")).router
    assert after == router


async def failed(office: Office, **how: Any) -> tuple[Told, str]:
    """What is told of a prediction that fails, and its id."""
    with pytest.raises(RemoteError) as caught:
        await office.desk.predict("cancer", **how)
    return told(caught.value), caught.value.facts["prediction_id"]


async def _answers(desk: Desk) -> bool:
    try:
        return bool((await desk.predict("cancer", variant="cancer-stump")).prediction_id)
    except RemoteError:
        return False
