"""Answers that nobody can work with: the member has failed, is named, and costs nobody else's answer."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import numpy as np
import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from turnout.aggregator.v1.aggregator_service_pb2 import WeightedOutput
from turnout.inference.v1.input_pb2 import Tensor, TensorContents, TensorInput
from turnout.inference.v1.output_pb2 import Embedding, Output, TextOutput
from turnout.router.v1 import ensemble_pb2 as ensemble
from turnout.router.v1 import strategy_pb2
from turnout.router.v1.model_pb2 import PROTOCOL_OIP_GRPC, Endpoint, Model, OutputSpec, Signature

from services.foundation.errors import RemoteError
from tests.aggregator.conftest import Bench
from tests.aggregator.talk import QUESTION, account, helper, plan_of, speaker
from tests.aggregator.test_aggregate import aggregate, number, refused
from tests.fleet import scripted_model

NAN, INF = float("nan"), float("inf")
AVERAGE = strategy_pb2.AGGREGATION_METHOD_AVERAGE
MAX = strategy_pb2.AGGREGATION_METHOD_MAX_CONFIDENCE
STACKING = strategy_pb2.AGGREGATION_METHOD_STACKING
SEMANTIC = strategy_pb2.AGGREGATION_METHOD_SEMANTIC_MEAN

Answer = Callable[[ModelInferRequest], Awaitable[ModelInferResponse]]


def saying(*numbers: float, rows: int = 1) -> Answer:
    """A model that returns the tensor `v`, the same whatever it is asked."""

    async def answer(request: ModelInferRequest) -> ModelInferResponse:
        reply = ModelInferResponse(model_name=request.model_name)
        reply.outputs.add(name="v", datatype="FP64", shape=[rows, len(numbers) // rows])
        reply.raw_output_contents.append(np.array(numbers).tobytes())
        return reply

    return answer


async def oip(bench: Bench, stack: AsyncExitStack, name: str, answer: Answer, **outputs: Any) -> Any:
    """Register a model that passes on its tensors, or says what they mean."""
    server = await stack.enter_async_context(scripted_model(name, answer))
    signature = Signature(outputs=OutputSpec(**outputs))
    endpoints = [Endpoint(address=server.address)]
    bench.register(
        Model(name=f"models/{name}", protocol=PROTOCOL_OIP_GRPC, endpoints=endpoints, signature=signature)
    )
    return server


async def test_a_nan_in_one_members_tensor_costs_its_own_answer_alone(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        for name, numbers in (("a", (1.0, 2.0)), ("b", (NAN, 2.0)), ("c", (3.0, 4.0))):
            await oip(bench, stack, name, saying(*numbers))
        reply = await bench.infer(plan_of(*"abc", aggregation=AVERAGE), QUESTION)
        passed_on = await bench.infer(plan_of("b", cascade=ensemble.Cascade()), QUESTION)
    assert np.frombuffer(reply.output.tensors.raw_contents[0]).tolist() == [2, 3]
    assert account(reply)[1] == ("b", "JUROR", "FAILED")
    assert reply.participants[1].error_message == (
        "malformed answer: tensors.v: finite numbers expected: average computes with them"
    )
    assert reply.degraded
    # Who passes one answer on as it is does not mind: some models mean something by it.
    assert account(passed_on) == [("b", "PRIMARY", "SERVED")]


async def test_an_embedding_without_a_direction_is_its_members_own_failure(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        for name, numbers in (("a", (1.0, 0.1)), ("b", (0.0, 0.0)), ("c", (1.0, 0.0))):
            await oip(bench, stack, name, saying(*numbers), embedding="v")
        reply = await bench.infer(plan_of(*"abc", aggregation=SEMANTIC), QUESTION)
    assert account(reply)[1] == ("b", "JUROR", "FAILED")
    assert "that of row 0 has no direction" in reply.participants[1].error_message
    assert reply.output.HasField("embedding")


@pytest.mark.parametrize("numbers", [(1.0, 0.0, 0.0, 0.0), (1.0, 0.0, NAN, 1.0), (1.0, 0.0, INF, 1e308)])
async def test_an_embedder_without_a_direction_leaves_the_answer_to_the_rule(
    bench: Bench, numbers: Sequence[float]
) -> None:
    how = ensemble.SemanticMean(embedder=helper("embedder"))
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "a", "Lyon")
        await speaker(bench, stack, "b", "Paris")
        await oip(bench, stack, "embedder", saying(*numbers, rows=2))
        reply = await bench.infer(plan_of(*"ab", aggregation=SEMANTIC, semantic_mean=how), QUESTION)
    assert reply.output.text.content == "Lyon"
    assert reply.degraded
    assert account(reply)[2] == ("embedder", "EMBEDDER", "FAILED")
    (warning,) = reply.warnings
    assert warning.startswith("the embedder failed: malformed answer: finite vectors")
    assert "that of text 2 has no direction; the answer is that of a" in warning


async def test_members_and_helpers_that_fail_alike_are_told_apart(bench: Bench) -> None:
    """What a note says of one is not said of another, though the words be the same."""
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "a", "Lyon")
        await speaker(bench, stack, "b", "Paris")
        broken = await speaker(bench, stack, "c")
        broken.server.answering({"error": {"message": "no"}}, 400)
        jury = plan_of(*"abc", best_of_n=ensemble.BestOfN(judge=helper("c")))
        reply = await bench.infer(jury, QUESTION)
    helped, missing = reply.warnings
    trouble = reply.participants[2].error_message
    assert trouble == reply.participants[3].error_message == "HTTP 400: no"
    assert helped.startswith(f"the judge failed: {trouble}")
    assert missing == f"without an answer: c: {trouble}"


READERS: list[tuple[dict[str, Any], str]] = [
    ({"best_of_n": ensemble.BestOfN(judge=helper("helper"))}, "best_of_n.judge"),
    ({"mixture_of_n": ensemble.MixtureOfN(fuser=helper("helper"))}, "mixture_of_n.fuser"),
    (
        {
            "judge": ensemble.Judge(
                check=ensemble.Check(verifier=ensemble.Verifier(helper=helper("helper")))
            )
        },
        "judge.check.verifier",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("how", "field"), READERS, ids=[field for _, field in READERS])
@pytest.mark.parametrize("outputs", [{}, {"embedding": "v"}], ids=["tensors", "embedding"])
async def test_nobody_judges_answers_without_words(
    bench: Bench, how: dict[str, Any], field: str, outputs: dict[str, str]
) -> None:
    async with AsyncExitStack() as stack:
        reader = await speaker(bench, stack, "helper", '{"best": 1}')
        silent = await oip(bench, stack, "silent", saying(1.0, 2.0), **outputs)
        with pytest.raises(RemoteError) as told:
            await bench.infer(plan_of("silent", **how), QUESTION)
        assert silent.calls == len(reader.server.bodies) == 0
    (violation,) = told.value.fields
    kind = "embedding" if outputs else "tensors"
    assert (told.value.code, violation.field) == ("INVALID_ARGUMENT", f"plan.ensemble.{field}")
    assert violation.description.endswith(f"silent (models/silent) answers {kind}")


async def test_a_step_does_not_quote_an_answer_without_words(bench: Bench) -> None:
    steps = [
        ensemble.Step(name="look", variant="silent"),
        ensemble.Step(name="say", variant="a", template="It is {look}."),
    ]
    async with AsyncExitStack() as stack:
        writer = await speaker(bench, stack, "a")
        await oip(bench, stack, "silent", saying(1.0, 2.0))
        graph = plan_of("silent", "a", specialists=ensemble.Specialists(steps=steps))
        reply = await bench.infer(graph, QUESTION)
        assert not writer.server.bodies
    assert reply.error_reason == "QUORUM_NOT_MET"
    assert "look: labels, numbers, texts, JSON or calls of tools expected, got tensors" in reply.error_message


async def test_numbers_at_the_end_of_the_scale_have_a_mean_and_a_spread(bench: Bench) -> None:
    huge = [number("a", 1e308), number("b", 1.7e308)]
    reply = await aggregate(bench, *huge)
    assert reply.output.regression.values[0] == pytest.approx(1.35e308)
    assert reply.aggregation.divergence == pytest.approx(0.35e308)
    learnt = ensemble.LearntStacker(members=["a"], coefficients=[1e308], intercepts=[0])
    told = await refused(bench, huge[0], aggregation=STACKING, stacker=learnt)
    assert (told.code, told.reason) == ("FAILED_PRECONDITION", "CANNOT_COMBINE")
    assert "the members' numbers are too large" in told.message


async def test_a_shape_without_an_end_is_refused_by_its_field(bench: Bench) -> None:
    endless = Output(tensors=TensorInput(tensors=[Tensor(name="v", datatype="FP32", shape=[2**62, 4, 0])]))
    told = await refused(bench, WeightedOutput(variant="a", output=endless))
    assert [one.field for one in told.fields] == ["outputs[0].output.tensors.v"]


def tensors(*numbers: float) -> Output:
    contents = TensorContents(fp64_contents=numbers)
    tensor = Tensor(name="v", datatype="FP64", shape=[len(numbers)], contents=contents)
    return Output(tensors=TensorInput(tensors=[tensor]))


BAD: list[tuple[Output, dict[str, Any], int, str]] = [
    (tensors(1.0, NAN), {}, AVERAGE, "outputs[1].output.tensors.v"),
    (Output(text=TextOutput(content="a", confidence=NAN)), {}, MAX, "outputs[1].output.text.confidence"),
    (Output(text=TextOutput(content="a", confidence=1.5)), {}, MAX, "outputs[1].output.text.confidence"),
    (
        Output(embedding=Embedding(values=[0, 0], dimension=2)),
        {},
        SEMANTIC,
        "outputs[1].output.embedding.values",
    ),
    (Output(text=TextOutput(content="a")), {"embedding": [0, 0]}, SEMANTIC, "outputs[1].embedding"),
    (Output(text=TextOutput(content="a")), {"embedding": [NAN, 1]}, SEMANTIC, "outputs[1].embedding"),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "beside", "method", "field"), BAD)
async def test_what_is_handed_in_is_refused_by_its_field(
    bench: Bench, bad: Output, beside: dict[str, Any], method: int, field: str
) -> None:
    fine = Output()
    fine.CopyFrom(bad)
    if bad.HasField("tensors"):
        fine = tensors(1.0, 2.0)
    elif bad.HasField("embedding"):
        fine.embedding.values[:] = [1, 0]
    else:
        fine.text.ClearField("confidence")
    first = WeightedOutput(variant="a", output=fine, embedding=[1, 0] if beside else [])
    second = WeightedOutput(variant="b", output=bad, **beside)
    told = await refused(bench, first, second, aggregation=method)
    assert told.code == "INVALID_ARGUMENT"
    assert [one.field for one in told.fields] == [field]
