"""Methods that ask another model: a meta-model over the answers, an embedding of each."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

import numpy as np
import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from turnout.router.v1 import ensemble_pb2 as ensemble
from turnout.router.v1 import strategy_pb2
from turnout.router.v1.model_pb2 import PROTOCOL_OIP_GRPC, Endpoint, Model, OutputSpec, Signature

from examples.fleet.catalog import registration
from services.aggregator.answers import Floats
from services.foundation.errors import RemoteError
from tests.aggregator.conftest import DOCTORS, Bench, patient, plan
from tests.aggregator.talk import QUESTION, account, helper, plan_of, speaker
from tests.fleet import scripted_model

STACKING = strategy_pb2.AGGREGATION_METHOD_STACKING
SEMANTIC = strategy_pb2.AGGREGATION_METHOD_SEMANTIC_MEAN
# Where texts point that begin with these letters.
DIRECTIONS = {"P": (1.0, 0.1), "p": (1.0, 0.3), "L": (0.0, 1.0)}


class Meta:
    """A meta-model over OIP: its answer is the first member's probabilities. `read` is what it was asked."""

    def __init__(self) -> None:
        self.read: list[Floats] = []

    async def answer(self, request: ModelInferRequest) -> ModelInferResponse:
        (tensor,) = request.inputs
        given = np.frombuffer(request.raw_input_contents[0], "<f8").reshape(tuple(tensor.shape))
        self.read.append(given)
        reply = ModelInferResponse(model_name=request.model_name)
        reply.outputs.add(name="p", datatype="FP64", shape=[len(given), 2])
        reply.raw_output_contents.append(np.ascontiguousarray(given[:, :2]).tobytes())
        return reply


def meta_model(address: str) -> Model:
    outputs = OutputSpec(probabilities="p", class_order=["malignant", "benign"])
    endpoints = [Endpoint(address=address)]
    signature = Signature(outputs=outputs)
    return Model(name="models/meta", protocol=PROTOCOL_OIP_GRPC, endpoints=endpoints, signature=signature)


async def embed(request: ModelInferRequest) -> ModelInferResponse:
    """An embedding model over OIP: a vector per element of a batch of texts."""
    texts = [text.decode() for text in request.inputs[0].contents.bytes_contents]
    texts = texts or _lengths_and_texts(request.raw_input_contents[0])
    vectors = np.array([DIRECTIONS[text[0]] for text in texts])
    reply = ModelInferResponse(model_name=request.model_name)
    reply.outputs.add(name="v", datatype="FP64", shape=list(vectors.shape))
    reply.raw_output_contents.append(vectors.tobytes())
    return reply


def _lengths_and_texts(raw: bytes) -> list[str]:
    found = []
    while raw:
        length = int.from_bytes(raw[:4], "little")
        found.append(raw[4 : 4 + length].decode())
        raw = raw[4 + length :]
    return found


def embedding_model(address: str) -> Model:
    return Model(name="models/embedder", protocol=PROTOCOL_OIP_GRPC, endpoints=[Endpoint(address=address)])


def stacked(**fields: object) -> ensemble.Stacking:
    return ensemble.Stacking(model=helper("meta"), **fields)  # type: ignore[arg-type]


async def test_a_registered_meta_model_reads_the_design_matrix_and_answers(doctors: Bench) -> None:
    meta = Meta()
    async with scripted_model("meta", meta.answer) as server:
        doctors.register(meta_model(server.address))
        reply = await doctors.infer(plan(aggregation=STACKING, stacking=stacked()))
    said = [
        {one.label: one.probability for one in each.output.classification.probabilities}
        for each in reply.outputs[:3]
    ]
    wanted = [chances[label] for chances in said for label in ("malignant", "benign")]
    assert meta.read[0].tolist() == [pytest.approx(wanted)]
    answer = {one.label: one.probability for one in reply.output.classification.probabilities}
    assert answer == pytest.approx(said[0])
    assert account(reply)[3] == ("meta", "META", "CONTRIBUTED")
    assert not reply.degraded


async def test_whoever_is_absent_says_nothing_to_the_meta_model(doctors: Bench) -> None:
    doctors.servers["cancer-bayes"].faults.set("fail", code="INTERNAL")
    meta = Meta()
    async with scripted_model("meta", meta.answer) as server:
        doctors.register(meta_model(server.address))
        reply = await doctors.infer(plan(aggregation=STACKING, stacking=stacked()))
    assert meta.read[0][0, 4:].tolist() == [0.5, 0.5]
    assert reply.degraded
    assert "cancer-bayes gave no answer; the meta-model read equal probabilities instead" in reply.warnings


async def test_without_its_meta_model_the_most_confident_answers_degraded(doctors: Bench) -> None:
    reply = await doctors.infer(plan(aggregation=STACKING, stacking=stacked()))
    sure = max(reply.participants[:3], key=lambda one: one.confidence)
    assert account(reply)[3] == ("meta", "META", "SKIPPED")
    assert reply.degraded
    (warning,) = [one for one in reply.warnings if one.startswith("the meta-model failed")]
    assert warning == (
        "the meta-model failed: models/meta is not registered; "
        f"the answer is that of {sure.variant}, the most confident"
    )
    chosen = next(one for one in reply.outputs if reply.participants[one.participant] == sure)
    assert reply.output == chosen.output
    assert [outcome for _, _, outcome in account(reply)].count("DISCARDED") == 2


@pytest.mark.parametrize("datatype", ["BYTES", "FP64"])
async def test_a_meta_model_that_answers_in_tensors_has_failed(doctors: Bench, datatype: str) -> None:
    async def answer(request: ModelInferRequest) -> ModelInferResponse:
        reply = ModelInferResponse(model_name=request.model_name)
        reply.outputs.add(name="p", datatype=datatype, shape=[1])
        raw = b"\x04\0\0\0text" if datatype == "BYTES" else np.array([np.nan]).tobytes()
        reply.raw_output_contents.append(raw)
        return reply

    async with scripted_model("meta", answer) as server:
        model = meta_model(server.address)
        model.ClearField("signature")
        doctors.register(model)
        reply = await doctors.infer(plan(aggregation=STACKING, stacking=stacked()))
    assert account(reply)[3] == ("meta", "META", "FAILED")
    assert reply.output.classification.label
    assert reply.degraded
    assert any("labels or numbers expected, got tensors" in one for one in reply.warnings)


@pytest.mark.parametrize("deaf", [DOCTORS, DOCTORS[1:2]])
async def test_labels_that_the_meta_model_does_not_read_are_no_silent_zeros(
    doctors: Bench, deaf: Sequence[str]
) -> None:
    for name in deaf:
        model = registration(name, doctors.servers[name].address)
        model.label_map.update({"malignant": "M", "benign": "B"})
        doctors.register(model)
    meta = Meta()
    async with scripted_model("meta", meta.answer) as server:
        doctors.register(meta_model(server.address))
        reply = await doctors.infer(plan(aggregation=STACKING, stacking=stacked()))
    if len(deaf) == len(DOCTORS):
        assert reply.error_reason == "CANNOT_COMBINE"
        assert "reads the labels malignant, benign, and nobody answered with one" in reply.error_message
        assert not meta.read
        return
    assert meta.read[0][0, 2:4].tolist() == [0, 0]
    (warning,) = reply.warnings
    assert warning == (
        "of the labels that the meta-model reads (malignant, benign), cancer-boosting answered with none: "
        "it read zeros"
    )


async def test_coefficients_that_were_learnt_need_no_further_model(doctors: Bench) -> None:
    learnt = ensemble.LearntStacker(
        members=DOCTORS, labels=["malignant", "benign"],
        # Whatever the first says, and nothing else.
        coefficients=[9, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0], intercepts=[0, 0], fill=[0.5] * 6,
    )  # fmt: skip
    reply = await doctors.infer(plan(aggregation=STACKING, stacking=ensemble.Stacking(learnt=learnt)))
    assert reply.output.classification.label == reply.outputs[0].output.classification.label
    assert [round(one.weight, 6) for one in reply.participants] == [1, 0, 0]


async def test_a_stacking_without_a_meta_model_is_refused(doctors: Bench) -> None:
    with pytest.raises(RemoteError) as refused:
        await doctors.infer(plan(aggregation=STACKING))
    assert refused.value.fields[0].field == "plan.ensemble.stacking"


async def _semantic(bench: Bench, stack: AsyncExitStack, names: Sequence[str]) -> None:
    for name, line in zip(names, ("Lyon", "Paris", "paris, of course"), strict=True):
        await speaker(bench, stack, name, line)


async def test_the_most_representative_text_is_found_by_its_embedding(bench: Bench) -> None:
    how = ensemble.SemanticMean(embedder=helper("embedder"))
    async with AsyncExitStack() as stack:
        await _semantic(bench, stack, "abc")
        server = await stack.enter_async_context(scripted_model("embedder", embed))
        bench.register(embedding_model(server.address))
        reply = await bench.infer(plan_of(*"abc", aggregation=SEMANTIC, semantic_mean=how), QUESTION)
        assert server.calls == 1
    assert reply.output.text.content == "paris, of course"
    assert account(reply)[3] == ("embedder", "EMBEDDER", "CONTRIBUTED")
    assert 0 < reply.aggregation.distance < 1
    assert not reply.degraded


async def test_without_its_embedder_the_first_declared_answers_degraded(bench: Bench) -> None:
    how = ensemble.SemanticMean(embedder=helper("embedder"))
    async with AsyncExitStack() as stack:
        await _semantic(bench, stack, "abc")
        reply = await bench.infer(plan_of(*"abc", aggregation=SEMANTIC, semantic_mean=how), QUESTION)
    assert reply.output.text.content == "Lyon"
    assert reply.degraded
    assert any("the first declared that answered" in warning for warning in reply.warnings)


async def test_a_plan_that_comes_again_is_not_read_again(doctors: Bench) -> None:
    first = await doctors.infer(plan())
    doctors.servers["cancer-bayes"].faults.set("fail", code="INTERNAL")
    second = await doctors.infer(plan(), patient(1))
    assert not first.degraded
    assert second.degraded


async def test_a_meta_model_reads_no_texts(bench: Bench) -> None:
    """Coefficients say the same."""
    async with AsyncExitStack() as stack:
        for name in ("a", "b", "meta"):
            await speaker(bench, stack, name)
        stacking = {"model": helper("meta")}
        reply = await bench.infer(plan_of("a", "b", aggregation=STACKING, stacking=stacking), QUESTION)
    assert (reply.error_code, reply.error_reason) == ("FAILED_PRECONDITION", "CANNOT_COMBINE")
    assert reply.error_message.startswith("stacking takes labels or numbers, and a, b answered with text")
