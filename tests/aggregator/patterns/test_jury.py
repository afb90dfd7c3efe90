"""A vote that stands spares the rest; others hear everybody out."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from turnout.aggregator.v1.aggregator_service_pb2 import InferResponse
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1 import strategy_pb2

from examples.fleet.columns import DIGITS
from examples.fleet.data import holdout
from tests.aggregator.conftest import DOCTORS, Bench, plan
from tests.aggregator.talk import QUESTION, account, plan_of, speaker
from tests.waiting import eventually

VOTE, STAGED = strategy_pb2.AGGREGATION_METHOD_VOTE, strategy_pb2.LAUNCH_STAGED
AVERAGE, MAJORITY = strategy_pb2.AGGREGATION_METHOD_AVERAGE, strategy_pb2.AGGREGATION_METHOD_JSON_MAJORITY
MAX_CONFIDENCE = strategy_pb2.AGGREGATION_METHOD_MAX_CONFIDENCE
PICTURES = ("digits-right", "digits-top", "digits-bottom", "digits-svm")
# The strongest one, as a variant of its own besides: five votes of four models.
FIVE = (*PICTURES, "digits-svm-2")


def outcomes(reply: InferResponse) -> dict[str, str]:
    return {name: outcome for name, _, outcome in account(reply)}


def pixels(row: int) -> Input:
    figures, _ = holdout("digits", 0)
    columns = dict(zip(DIGITS, figures[row].tolist(), strict=True))
    return Input(tabular=TabularInput(numeric_features=columns))


async def test_a_staged_jury_gives_the_same_labels_for_fewer_calls(bench: Bench) -> None:
    await bench.seat(*PICTURES)
    full = plan(*PICTURES, aggregation=VOTE, full_panel_fraction=1.0, quorum=3)
    staged = plan(*PICTURES, aggregation=VOTE, launch=STAGED, full_panel_fraction=0.0, quorum=3)
    for jury in (full, staged):
        jury.members.add(variant="digits-svm-2", model="models/digits-svm")
    calls = 0
    for row in range(60):
        whole = await bench.infer(full, pixels(row))
        part = await bench.infer(staged, pixels(row))
        assert len(whole.participants) == len(part.participants) == 5
        assert whole.aggregation.full_panel
        assert not whole.aggregation.stopped_early
        assert part.output.classification.label == whole.output.classification.label
        asked = [one for one in part.participants if one.attempt]
        assert part.aggregation.stopped_early == (len(asked) < 5)
        assert part.aggregation.full_panel == (len(asked) == 5)
        assert not part.degraded
        calls += len(asked)
    # Three of five at the least; the three cheapest see a part of the picture each, and often differ.
    assert calls <= 0.75 * 5 * 60


async def test_a_member_that_is_not_needed_any_more_is_cancelled_and_sees_it(doctors: Bench) -> None:
    late = doctors.servers["cancer-bayes"]
    for server in doctors.servers.values():
        server.faults.set("hang")
    asking = asyncio.ensure_future(doctors.infer(plan(aggregation=VOTE, full_panel_fraction=0.0)))
    await eventually(lambda: late.in_flight == 1)
    for name in doctors.servers.keys() - {"cancer-bayes"}:
        doctors.servers[name].faults.set("ok")
    reply = await asking
    assert outcomes(reply)["cancer-bayes"] == "CANCELLED"
    assert reply.aggregation.stopped_early
    assert not reply.degraded
    await eventually(lambda: late.cancelled == 1)
    counted = doctors.metrics.registry.get_sample_value(
        "turnout_ensemble_spared_total", {"router": "", "pattern": "jury"}
    )
    assert counted == 1


async def test_a_failure_in_the_first_wave_calls_for_the_next_member_at_once(doctors: Bench) -> None:
    """The other one of the wave is still at work: nobody waits for it before asking."""
    doctors.servers["cancer-bayes"].faults.set("fail", code="INTERNAL")
    doctors.servers["cancer-logistic"].faults.set("hang")
    jury = plan(aggregation=VOTE, launch=STAGED, full_panel_fraction=0.0)
    asking = asyncio.ensure_future(doctors.infer(jury))
    await eventually(lambda: doctors.servers["cancer-boosting"].calls == 1)
    assert not asking.done()
    doctors.servers["cancer-logistic"].faults.set("ok")
    reply = await asking
    assert outcomes(reply) == {
        "cancer-bayes": "FAILED", "cancer-logistic": "CONTRIBUTED", "cancer-boosting": "CONTRIBUTED",
    }  # fmt: skip
    assert reply.degraded


async def test_a_failure_that_may_pass_is_tried_again_once(doctors: Bench) -> None:
    doctors.servers["cancer-bayes"].faults.set("fail", code="UNAVAILABLE")
    twice = await doctors.infer(plan())
    once = await doctors.infer(plan(member_retries=0))
    tried = [one.attempt for one in twice.participants if one.variant == "cancer-bayes"]
    assert tried == [1, 2]
    assert len(once.participants) == 3
    assert twice.degraded
    assert "without an answer: cancer-bayes: told to fail" in twice.warnings


async def test_the_cost_of_an_answer_has_a_cap(doctors: Bench) -> None:
    # Logistic 4e-4, boosting 9e-4, bayes 1e-4: the dear one does not fit behind the first.
    reply = await doctors.infer(plan(max_cost=6e-4))
    assert outcomes(reply) == {
        "cancer-logistic": "CONTRIBUTED", "cancer-boosting": "SKIPPED", "cancer-bayes": "CONTRIBUTED",
    }  # fmt: skip
    assert reply.participants[1].error_message == (
        "max_cost: 0.0004 of 0.0006 USD are spent or promised, and this call costs at least 0.0009"
    )
    assert reply.degraded


async def test_a_cap_that_leaves_no_quorum_ends_as_one_that_no_repetition_helps(doctors: Bench) -> None:
    reply = await doctors.infer(plan(max_cost=4e-4))
    assert (reply.error_code, reply.error_reason) == ("FAILED_PRECONDITION", "COST_LIMIT")
    assert "2 are required" in reply.error_message
    assert "max_cost: 0.0004 of 0.0004 USD are spent or promised" in reply.error_message
    # Whoever is asked once more may answer, and what is left pays for it.
    doctors.servers["cancer-logistic"].faults.set("fail", code="UNAVAILABLE")
    failed = await doctors.infer(plan(max_cost=6e-4, member_retries=0))
    assert (failed.error_code, failed.error_reason) == ("UNAVAILABLE", "QUORUM_NOT_MET")


async def test_several_answers_of_a_member_are_one_vote_and_their_share_its_confidence(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "wavering", "Lyon", "Paris", "Lyon")
        await speaker(bench, stack, "sure", "Paris")
        jury = plan_of("wavering", "sure", aggregation=VOTE, samples_per_member=3, full_panel_fraction=1.0)
        reply = await bench.infer(jury, QUESTION)
    assert [one.attempt for one in reply.participants] == [1, 2, 3, 1, 2, 3]
    assert reply.output.text.content == "Paris"
    assert reply.aggregation.tie
    assert reply.aggregation.quorum_met == 2
    assert list(reply.aggregation.dissenting) == ["wavering"]
    assert sum(one.weight for one in reply.participants) == pytest.approx(1)


@pytest.mark.parametrize("method", [AVERAGE, VOTE, MAX_CONFIDENCE])
async def test_the_same_answer_several_times_is_that_answer(doctors: Bench, method: int) -> None:
    once, thrice = [
        await doctors.infer(plan(aggregation=method, samples_per_member=samples, full_panel_fraction=1.0))
        for samples in (1, 3)
    ]
    assert [one.attempt for one in thrice.participants] == [1, 2, 3] * 3
    assert thrice.output.classification.label == once.output.classification.label
    spread, expected = [
        {one.label: one.probability for one in reply.output.classification.probabilities}
        for reply in (thrice, once)
    ]
    assert spread == pytest.approx(expected)
    assert thrice.aggregation.confidence == pytest.approx(once.aggregation.confidence)


async def test_of_several_answers_of_a_member_the_plan_says_which_are_the_same(bench: Bench) -> None:
    near = {"a": ['{"t": 200}', '{"t": 100}', '{"t": 100.4}'], "b": ['{"t": 100}']}
    async with AsyncExitStack() as stack:
        for name, lines in near.items():
            await speaker(bench, stack, name, *lines)
        jury = plan_of(*near, aggregation=MAJORITY, samples_per_member=3)
        jury.ensemble.json_majority.tolerance = 0.01
        reply = await bench.infer(jury, QUESTION)
    assert reply.output.json.struct_value["t"] == pytest.approx(100, rel=0.01)
    assert reply.aggregation.agreement == 1
    assert not reply.aggregation.dissenting


async def test_a_refusal_is_no_answer_and_nothing_is_wrong_with_its_model(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        for name in ("a", "b", "c"):
            await speaker(bench, stack, name)
        unwilling = await speaker(bench, stack, "d")
        message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
        unwilling.server.answering({"object": "chat.completion", "choices": [{"message": message}]})
        reply = await bench.infer(plan_of(*"abcd", aggregation=VOTE, full_panel_fraction=1.0), QUESTION)
    refused = reply.participants[3]
    assert account(reply)[3] == ("d", "JUROR", "FAILED")
    assert refused.excused
    assert refused.error_message.endswith("it is empty; the model refused: 'I cannot help with that.'")


async def test_of_who_answers_some_of_the_times_it_is_told_that_it_was_one_of_them(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "wavering", "Lyon", "", "Lyon")
        await speaker(bench, stack, "sure", "Paris")
        jury = plan_of("wavering", "sure", aggregation=VOTE, samples_per_member=3, full_panel_fraction=1.0)
        reply = await bench.infer(jury, QUESTION)
    assert reply.degraded
    (warning,) = [one for one in reply.warnings if one.startswith("without an answer")]
    assert warning.startswith("without an answer: wavering (one of 3 answers): malformed")


async def test_only_what_is_the_answer_in_a_text_is_voted_on(bench: Bench) -> None:
    answers = {"a": "I think: Paris.", "b": "Paris!", "c": "Surely LYON", "d": "No idea."}
    async with AsyncExitStack() as stack:
        for name, line in answers.items():
            await speaker(bench, stack, name, line)
        jury = plan_of(*answers, aggregation=VOTE, full_panel_fraction=1.0)
        jury.ensemble.extraction.labels.labels.extend(["paris", "lyon"])
        jury.ensemble.quorum = 3
        reply = await bench.infer(jury, QUESTION)
    assert reply.output.classification.label == "paris"
    assert outcomes(reply)["d"] == "FAILED"
    assert "one of the labels expected, got none of them" in reply.participants[3].error_message
    assert [one.output.text.content for one in reply.outputs] == list(answers.values())[:3]


async def test_nobody_waits_beyond_the_time_that_is_left(doctors: Bench) -> None:
    for name in DOCTORS:
        doctors.servers[name].faults.set("hang")
    reply = await doctors.infer(plan(aggregation=VOTE, launch=STAGED, full_panel_fraction=0.0), seconds=1.0)
    assert reply.error_reason == "QUORUM_NOT_MET"
    assert set(outcomes(reply)) == set(DOCTORS)
    assert set(outcomes(reply).values()) <= {"TIMED_OUT", "CANCELLED", "SKIPPED"}
