"""A jury over real channels: who answers, who does not, and what the reply says of everybody."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from turnout.aggregator.v1.aggregator_service_pb2 import InferResponse, Member, Plan
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.input_pb2 import Input, TabularInput, Tensor, TensorInput
from turnout.inference.v1.output_pb2 import Output
from turnout.router.v1 import strategy_pb2
from turnout.router.v1.model_pb2 import (
    FEATURE_KIND_NUMERIC,
    PROTOCOL_OIP_GRPC,
    Endpoint,
    Model,
    OutputSpec,
    Signature,
)

from examples.fleet.catalog import registration
from examples.fleet.columns import BREAST_CANCER, DIGITS
from examples.fleet.data import holdout
from services.aggregator.combiners import WEIGHING
from tests.aggregator.conftest import DOCTORS, Bench, diagnosis, patient, plan
from tests.fleet import Answer, fleet_process, scripted_model
from tests.waiting import eventually

METHODS = {
    "vote": strategy_pb2.AGGREGATION_METHOD_VOTE,
    "average": strategy_pb2.AGGREGATION_METHOD_AVERAGE,
    "weighted_average": strategy_pb2.AGGREGATION_METHOD_WEIGHTED_AVERAGE,
    "max_confidence": strategy_pb2.AGGREGATION_METHOD_MAX_CONFIDENCE,
}
HANG, SHORT = "hang", 0.3


def outcomes(reply: InferResponse) -> dict[str, str]:
    """Outcome by variant, of its last attempt; fails if an attempt is in twice, or is no juror's."""
    found = {
        each.variant: manifest.Outcome.Name(each.outcome).removeprefix("OUTCOME_")
        for each in reply.participants
    }
    assert len({(each.variant, each.attempt) for each in reply.participants}) == len(reply.participants)
    assert {each.role for each in reply.participants} == {manifest.PARTICIPANT_ROLE_JUROR}
    return found


def chances(output: Output) -> dict[str, float]:
    return {each.label: each.probability for each in output.classification.probabilities}


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_makes_one_answer_of_three(doctors: Bench, method: str) -> None:
    reply = await doctors.infer(plan(aggregation=METHODS[method], full_panel_fraction=1.0))
    assert not reply.error_code
    assert reply.output.classification.label == diagnosis()
    assert sum(each.probability for each in reply.output.classification.probabilities) == pytest.approx(1)
    assert outcomes(reply) == dict.fromkeys(DOCTORS, "CONTRIBUTED")
    assert reply.aggregation.method == method
    assert (reply.aggregation.quorum_wanted, reply.aggregation.quorum_met) == (2, 3)
    assert not reply.degraded
    assert sum(each.weight for each in reply.participants) == pytest.approx(1)


async def test_the_mean_is_that_of_what_the_members_said(doctors: Bench) -> None:
    reply = await doctors.infer(plan())
    said = {
        each.participant: {
            spread.label: spread.probability for spread in each.output.classification.probabilities
        }
        for each in reply.outputs
    }
    assert sorted(said) == [0, 1, 2]
    for each in reply.output.classification.probabilities:
        mean = sum(probabilities[each.label] for probabilities in said.values()) / 3
        assert each.probability == pytest.approx(mean)


async def test_each_participant_is_accounted_for(doctors: Bench) -> None:
    reply = await doctors.infer(plan())
    for each in reply.participants:
        assert each.endpoint == doctors.servers[each.variant].address
        assert each.latency.ToNanoseconds() > 0
        assert each.cost.currency == "USD"
        assert each.cost.amount > 0
        assert 0.5 <= each.confidence <= 1
        assert each.attempt == 1
    assert len({each.span_id for each in reply.participants}) == 3


async def test_the_span_of_each_call_reaches_its_model_server(doctors: Bench) -> None:
    reply = await doctors.infer(plan())
    traces = set()
    for each in reply.participants:
        traceparent = str(doctors.servers[each.variant].metadata_seen["traceparent"])
        assert traceparent.split("-")[2] == each.span_id
        traces.add(traceparent.split("-")[1])
    assert len(traces) == 1


async def test_a_batch_is_combined_row_by_row(doctors: Bench) -> None:
    features, truths = holdout("breast-cancer", 0)
    values = features[:40]
    tensor = Tensor(name="input", datatype="FP64", shape=values.shape)
    tensor.contents.fp64_contents.extend(values.ravel().tolist())
    reply = await doctors.infer(plan(*DOCTORS[:2]), Input(tensors=TensorInput(tensors=[tensor])))
    rows = reply.output.classification.rows
    assert len(rows) == 40
    assert sum(row.label == truth for row, truth in zip(rows, truths, strict=False)) >= 36
    assert rows[0].label == reply.output.classification.label


async def test_a_member_that_hangs_is_timed_out_and_the_rest_answer(doctors: Bench) -> None:
    doctors.servers["cancer-boosting"].faults.set(HANG)
    reply = await doctors.infer(plan(timeouts=[None, SHORT, None]))
    assert outcomes(reply)["cancer-boosting"] == "TIMED_OUT"
    assert reply.participants[1].error_code == "DEADLINE_EXCEEDED"
    assert reply.participants[1].latency.ToNanoseconds() > 0
    assert not reply.participants[1].HasField("weight")
    assert reply.output.classification.label == diagnosis()
    assert reply.degraded
    assert reply.aggregation.quorum_met == 2
    assert [each.participant for each in reply.outputs] == [0, 2]


async def test_a_models_own_timeout_holds_where_the_plan_is_more_patient(bench: Bench) -> None:
    await bench.seat("cancer-logistic")
    await bench.seat("cancer-bayes", seconds=SHORT)
    bench.servers["cancer-bayes"].faults.set(HANG)
    reply = await bench.infer(plan("cancer-logistic", "cancer-bayes", timeouts=[None, 15.0], quorum=1))
    assert outcomes(reply) == {"cancer-logistic": "CONTRIBUTED", "cancer-bayes": "TIMED_OUT"}


async def test_the_callers_deadline_is_every_members_timeout(doctors: Bench) -> None:
    """The reply still arrives: what is left after the members' time suffices to combine and to send."""
    doctors.servers["cancer-bayes"].faults.set(HANG)
    # What is left are 20 ms, for which a busy machine may stand still: then it is asked again.
    reply = await doctors.infer(plan(), seconds=1.0, tries=5)
    assert outcomes(reply)["cancer-bayes"] == "TIMED_OUT"
    assert reply.output.classification.label == diagnosis()


async def test_a_member_that_fails_is_told_with_its_reason(doctors: Bench) -> None:
    doctors.servers["cancer-logistic"].faults.set("fail", code="INTERNAL")
    reply = await doctors.infer(plan())
    failed = reply.participants[0]
    assert outcomes(reply)["cancer-logistic"] == "FAILED"
    assert (failed.error_code, failed.error_message) == ("INTERNAL", "told to fail")
    assert reply.degraded
    assert reply.output.classification.label == diagnosis()


async def test_a_model_whose_process_was_killed_fails_and_the_rest_answer(
    doctors: Bench, tmp_path: Path
) -> None:
    async with fleet_process("cancer-stump", tmp_path) as stump:
        doctors.register(stump.model)
        jury = plan(*DOCTORS, "cancer-stump")
        assert set(outcomes(await doctors.infer(jury)).values()) == {"CONTRIBUTED"}
        os.kill(stump.pid, signal.SIGKILL)
    reply = await doctors.infer(jury)
    assert outcomes(reply)["cancer-stump"] == "FAILED"
    assert reply.participants[3].error_code == "UNAVAILABLE"
    assert reply.output.classification.label == diagnosis()


async def test_an_unknown_model_is_skipped_and_the_rest_answer(doctors: Bench) -> None:
    reply = await doctors.infer(plan(*DOCTORS, "nobody"))
    assert outcomes(reply)["nobody"] == "SKIPPED"
    skipped = reply.participants[3]
    assert (skipped.error_code, skipped.error_message) == ("NOT_FOUND", "models/nobody is not registered")
    assert skipped.attempt == 0
    assert reply.degraded


async def test_a_member_whose_columns_are_missing_is_skipped_and_the_rest_answer(doctors: Bench) -> None:
    await doctors.seat("cancer-stump")
    reply = await doctors.infer(
        plan(*DOCTORS, "cancer-stump", quorum=2), patient(columns=("mean radius", "mean texture"))
    )
    assert outcomes(reply) == {
        "cancer-logistic": "SKIPPED",
        "cancer-boosting": "SKIPPED",
        "cancer-bayes": "CONTRIBUTED",
        "cancer-stump": "CONTRIBUTED",
    }
    assert reply.participants[0].error_code == "INVALID_ARGUMENT"
    assert "mean perimeter" in reply.participants[0].error_message
    assert doctors.servers["cancer-logistic"].calls == 0


async def test_too_few_answers_are_a_reply_without_output_that_names_everybody(doctors: Bench) -> None:
    doctors.servers["cancer-logistic"].faults.set("fail", code="UNAVAILABLE")
    doctors.servers["cancer-boosting"].faults.set("fail", code="INTERNAL")
    reply = await doctors.infer(plan())
    assert not reply.HasField("output")
    assert (reply.error_code, reply.error_reason) == ("UNAVAILABLE", "QUORUM_NOT_MET")
    assert reply.error_message.startswith("1 of 3 members answered, 2 are required: ") or (
        # The third may still have been at work when the second failure put the quorum out of reach.
        reply.error_message.startswith("0 of 3 members answered, 2 are required: ")
    )
    assert "cancer-boosting: told to fail" in reply.error_message
    assert outcomes(reply)["cancer-bayes"] in ("DISCARDED", "CANCELLED")
    assert reply.degraded
    assert reply.aggregation.quorum_wanted == 2


async def test_once_the_quorum_is_out_of_reach_the_rest_is_cancelled(doctors: Bench) -> None:
    for name in DOCTORS[:2]:
        doctors.servers[name].faults.set("fail", code="UNAVAILABLE")
    doctors.servers["cancer-bayes"].faults.set(HANG)
    reply = await doctors.infer(plan())
    assert outcomes(reply)["cancer-bayes"] == "CANCELLED"
    assert reply.participants[-1].span_id
    await eventually(lambda: doctors.servers["cancer-bayes"].in_flight == 0)


async def test_answers_that_do_not_fit_together_are_discarded_by_name(bench: Bench) -> None:
    await bench.seat("cancer-logistic")

    async def estimate(request: ModelInferRequest) -> ModelInferResponse:
        reply = ModelInferResponse(model_name=request.model_name)
        reply.outputs.add(name="value", datatype="FP64", shape=[1]).contents.fp64_contents.append(0.5)
        return reply

    async with scripted_model("estimator", estimate) as server:
        model = registration("cancer-logistic", server.address)
        model.name = "models/estimator"
        model.signature.outputs.Clear()
        model.signature.outputs.value = "value"
        bench.register(model)
        reply = await bench.infer(plan("cancer-logistic", "estimator"))
    assert not reply.HasField("output")
    assert (reply.error_code, reply.error_reason) == ("FAILED_PRECONDITION", "CANNOT_COMBINE")
    assert "cancer-logistic with labels, estimator with numbers" in reply.error_message
    assert outcomes(reply) == {"cancer-logistic": "DISCARDED", "estimator": "DISCARDED"}
    assert len(reply.outputs) == 2


async def test_members_of_one_model_may_differ_in_their_thresholds(bench: Bench) -> None:
    await bench.seat("cancer-logistic")
    members = [
        Member(variant=name, model="cancer-logistic", threshold=threshold)
        for name, threshold in (("strict", 1.0), ("lenient", 0.0))
    ]
    how = strategy_pb2.EnsembleStrategy(aggregation=strategy_pb2.AGGREGATION_METHOD_VOTE)
    jury = Plan(members=members, ensemble=how)
    reply = await bench.infer(jury)
    assert [each.output.classification.label for each in reply.outputs] == ["benign", "malignant"]
    assert reply.aggregation.tie
    assert reply.aggregation.agreement == 0


async def test_dissent_and_agreement_are_told(doctors: Bench) -> None:
    """Row by row, the reply's account must be what the members' own labels say."""
    agreed = []
    for row in range(25):
        everybody = plan(aggregation=METHODS["vote"], full_panel_fraction=1.0)
        reply = await doctors.infer(everybody, patient(row))
        labels = [each.output.classification.label for each in reply.outputs]
        outvoted = [
            name
            for name, label in zip(DOCTORS, labels, strict=True)
            if label != reply.output.classification.label
        ]
        assert list(reply.aggregation.dissenting) == outvoted
        assert reply.aggregation.agreement == pytest.approx(1 if not outvoted else 1 / 3)
        agreed.append(not outvoted)
    assert True in agreed
    assert False in agreed


async def test_a_weight_source_without_effect_is_warned_of(doctors: Bench) -> None:
    reply = await doctors.infer(plan(weight_source=strategy_pb2.WEIGHT_SOURCE_CONFIDENCE))
    assert list(reply.warnings) == [
        f"weight_source has no effect: average weighs nothing; {', '.join(sorted(WEIGHING))} do"
    ]


async def test_a_caller_that_leaves_takes_every_call_along(doctors: Bench) -> None:
    for name in DOCTORS:
        doctors.servers[name].faults.set(HANG)
    asking = asyncio.ensure_future(doctors.infer(plan()))
    await eventually(lambda: all(server.in_flight == 1 for server in doctors.servers.values()))
    asking.cancel()
    await eventually(lambda: all(server.in_flight == 0 for server in doctors.servers.values()))


async def test_each_member_is_in_the_latency_histogram(doctors: Bench) -> None:
    doctors.servers["cancer-bayes"].faults.set("fail")
    await doctors.infer(plan(*DOCTORS, "nobody"))
    counted = {
        model: doctors.metrics.registry.get_sample_value("ensemble_model_latency_ms_count", {"model": model})
        for model in (*(f"models/{name}" for name in DOCTORS), "models/nobody")
    }
    assert counted == {
        # Asked twice, as a failure that may pass lets it.
        "models/cancer-logistic": 1.0,
        "models/cancer-boosting": 1.0,
        "models/cancer-bayes": 2.0,
        "models/nobody": None,
    }


async def test_a_model_that_is_full_is_dropped_from_the_jury(doctors: Bench) -> None:
    full = registration("cancer-bayes", doctors.servers["cancer-bayes"].address)
    full.max_concurrency = 1
    doctors.register(full)
    doctors.servers["cancer-bayes"].faults.set(HANG)
    first = asyncio.ensure_future(doctors.infer(plan()))
    await eventually(lambda: doctors.servers["cancer-bayes"].in_flight == 1)
    reply = await doctors.infer(plan())
    assert outcomes(reply)["cancer-bayes"] == "DROPPED"
    assert reply.participants[2].error_code == "RESOURCE_EXHAUSTED"
    doctors.servers["cancer-bayes"].faults.set("ok")
    assert outcomes(await first)["cancer-bayes"] == "CONTRIBUTED"


async def test_columns_beyond_a_members_signature_do_not_matter(doctors: Bench) -> None:
    assert len(patient().tabular.numeric_features) == len(BREAST_CANCER)
    assert outcomes(await doctors.infer(plan("cancer-bayes"))) == {"cancer-bayes": "CONTRIBUTED"}


def text_model(name: str, address: str) -> Model:
    """A model that answers a text with a text."""
    outputs = OutputSpec(text="output")
    return Model(
        name=f"models/{name}",
        protocol=PROTOCOL_OIP_GRPC,
        endpoints=[Endpoint(address=address)],
        signature=Signature(outputs=outputs),
    )


def saying(text: bytes, tensor: str = "output") -> Answer:
    """What a scripted model answers: one text."""

    async def answer(request: ModelInferRequest) -> ModelInferResponse:
        reply = ModelInferResponse(model_name=request.model_name)
        reply.outputs.add(name=tensor, datatype="BYTES", shape=[1]).contents.bytes_contents.append(text)
        return reply

    return answer


async def test_texts_vote_by_what_they_say(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        for name, text in (("a", b"Lyon"), ("b", b"Paris"), ("c", b"Paris\n")):
            server = await stack.enter_async_context(scripted_model(name, saying(text)))
            bench.register(text_model(name, server.address))
        capital = Input(text="Which city is the capital of France?")
        everybody = plan("a", "b", "c", aggregation=METHODS["vote"], full_panel_fraction=1.0)
        reply = await bench.infer(everybody, capital)
        mean = await bench.infer(plan("a", "b", "c"), capital)
    assert reply.output.text.content == "Paris"
    assert list(reply.aggregation.dissenting) == ["a"]
    assert reply.aggregation.agreement == pytest.approx(1 / 3)
    assert (mean.error_code, mean.error_reason) == ("FAILED_PRECONDITION", "CANNOT_COMBINE")
    assert mean.error_message == (
        "average takes labels, numbers, tensors or embedding, and a, b, c answered with text; "
        "for text use vote, max_confidence or semantic_mean"
    )


async def test_an_answer_that_is_none_fails_its_member(doctors: Bench) -> None:
    async with scripted_model("mute", saying(b"", "label")) as server:
        mute = text_model("mute", server.address)
        mute.signature.outputs.text, mute.signature.outputs.label = "", "label"
        mute.signature.features.add(name="mean radius", kind=FEATURE_KIND_NUMERIC)
        doctors.register(mute)
        reply = await doctors.infer(plan(*DOCTORS, "mute"))
    assert outcomes(reply)["mute"] == "FAILED"
    assert reply.participants[3].error_code == "INTERNAL"
    assert "a label is required for every row" in reply.participants[3].error_message
    assert [each.participant for each in reply.outputs] == [0, 1, 2]
    assert reply.output.classification.label == diagnosis()


async def test_a_member_without_probabilities_is_certain_and_said_to_be(bench: Bench) -> None:
    await bench.seat("digits-svm", "digits-top")
    figures, truths = holdout("digits", 0)
    pixels = Input(tabular=TabularInput(numeric_features=dict(zip(DIGITS, figures[0].tolist(), strict=True))))
    jury = plan("digits-svm", "digits-top")
    reply = await bench.infer(jury, pixels)
    assert list(reply.warnings) == [
        "digits-svm gave labels without probabilities; each counts as probability 1"
    ]
    assert chances(reply.output)[truths[0]] >= 0.5
    jury.ensemble.aggregation = METHODS["max_confidence"]
    refused = await bench.infer(jury, pixels)
    assert refused.error_reason == "CANNOT_COMBINE"
    assert refused.error_message.startswith("digits-svm gave no confidence")
