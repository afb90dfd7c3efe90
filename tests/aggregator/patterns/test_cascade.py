"""The cheapest first, until an answer will do."""

from contextlib import AsyncExitStack

import pytest
from turnout.router.v1 import ensemble_pb2 as ensemble
from turnout.router.v1 import strategy_pb2

from examples.fleet.catalog import FLEET
from tests.aggregator.conftest import DOCTORS, Bench, patient, plan
from tests.aggregator.talk import QUESTION, account, plan_of, speaker
from tests.waiting import eventually

CASCADE = strategy_pb2.AGGREGATION_METHOD_CASCADE
BY_PRICE = ("cancer-bayes", "cancer-logistic", "cancer-boosting")


async def test_the_cheapest_that_is_sure_answers_and_the_rest_is_spared(doctors: Bench) -> None:
    spared = 0
    for row in range(12):
        reply = await doctors.infer(plan(aggregation=CASCADE), patient(row))
        told = account(reply)
        assert [name for name, _, _ in told] == list(BY_PRICE)
        asked = [one for one in reply.participants if one.HasField("cost")]
        assert sum(one.cost.amount for one in asked) == pytest.approx(
            sum(FLEET[one.variant].price for one in asked)
        )
        served = next(one for one in reply.participants if one.variant == asked[-1].variant)
        assert not reply.degraded
        unsure = any(one.startswith("no member was confident enough") for one in reply.warnings)
        assert unsure == (served.confidence < 0.8)
        assert all(one.confidence < 0.8 for one in asked[:-1])
        assert reply.aggregation.rounds == len(asked)
        assert (reply.aggregation.method, reply.aggregation.pattern) == ("cascade", "cascade")
        spared += 3 - len(asked)
    assert spared > 12


async def test_a_member_that_fails_is_passed_over(doctors: Bench) -> None:
    doctors.servers["cancer-bayes"].faults.set("fail", code="INTERNAL")
    reply = await doctors.infer(plan(aggregation=CASCADE))
    assert account(reply)[:2] == [
        ("cancer-bayes", "PRIMARY", "FAILED"),
        ("cancer-logistic", "FALLBACK", "SERVED"),
    ]
    assert reply.degraded
    assert any("cancer-bayes did not answer" in warning for warning in reply.warnings)


async def test_one_that_hangs_leaves_time_for_the_others(doctors: Bench) -> None:
    doctors.servers["cancer-bayes"].faults.set("hang")
    reply = await doctors.infer(plan(aggregation=CASCADE), seconds=2.0)
    assert account(reply)[0] == ("cancer-bayes", "PRIMARY", "TIMED_OUT")
    assert reply.HasField("output")
    await eventually(lambda: doctors.servers["cancer-bayes"].in_flight == 0)


async def test_agreement_of_two_is_enough(doctors: Bench) -> None:
    cascade = ensemble.Cascade(agreement=2, order=["cancer-boosting", "cancer-bayes", "cancer-logistic"])
    reply = await doctors.infer(plan(cascade=cascade))
    labels = [one.output.classification.label for one in reply.outputs]
    assert labels.count(labels[-1]) == 2
    assert reply.output.classification.label == labels[-1]
    assert [name for name, _, _ in account(reply)][:2] == ["cancer-boosting", "cancer-bayes"]


async def test_who_cannot_agree_with_anybody_is_told_so(doctors: Bench) -> None:
    cascade = ensemble.Cascade(agreement=2, order=["cancer-boosting"])
    reply = await doctors.infer(plan(cascade=cascade))
    assert "agreement: 2 are wanted and 1 is asked: no answer will ever do" in reply.warnings
    cascade.order.append("cancer-bayes")
    reply = await doctors.infer(plan(cascade=cascade))
    assert not any("no answer will ever do" in one for one in reply.warnings)


async def test_nobody_sure_serves_the_last_with_a_warning_or_fails(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "dear", "Lyon", price=2.0)
        await speaker(bench, stack, "cheap", "Paris", price=0.1)
        await speaker(bench, stack, "unpriced", "Nice")
        reply = await bench.infer(plan_of("dear", "unpriced", "cheap", aggregation=CASCADE), QUESTION)
        cascade = ensemble.Cascade(on_exhausted=ensemble.EXHAUSTED_FAIL)
        failed = await bench.infer(plan_of("dear", "cheap", cascade=cascade), QUESTION)
    assert [name for name, _, _ in account(reply)] == ["cheap", "dear", "unpriced"]
    assert reply.output.text.content == "Nice"
    assert not reply.degraded
    (warning,) = reply.warnings
    said = "no member was confident enough, 0.8 or more is wanted"
    assert warning == f"{said}: the last, unpriced, answered with no confidence"
    assert failed.error_reason == "NOT_ACCEPTED"


async def test_how_sure_the_last_resort_was_is_told(doctors: Bench) -> None:
    for cascade in (ensemble.Cascade(min_confidence=1.0), ensemble.Cascade(agreement=3, min_confidence=1.0)):
        reply = await doctors.infer(plan(cascade=cascade))
        last = reply.participants[-1]
        assert (last.variant, last.confidence < 1) == (BY_PRICE[-1], True)
        assert account(reply)[-1][2] == "SERVED"
        assert not reply.degraded
        assert any(f"a confidence of {last.confidence:.3g}" in one for one in reply.warnings) or any(
            f"{last.variant}: its confidence is {last.confidence:.3g}, below 1" in one
            for one in reply.warnings
        )


async def test_what_an_answer_may_cost_ends_the_escalation(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "cheap", "Lyon", price=1.0)
        dear = await speaker(bench, stack, "dear", "Paris", price=10.0)
        # 150 tokens at 1 a thousand: what is spent when the next one is considered.
        reply = await bench.infer(plan_of("cheap", "dear", aggregation=CASCADE, max_cost=0.15), QUESTION)
    assert account(reply)[1] == ("dear", "FALLBACK", "SKIPPED")
    assert "max_cost: 0.15 of 0.15 USD are spent" in reply.participants[1].error_message
    assert reply.participants[0].cost.amount == pytest.approx(0.15)
    assert not dear.server.bodies
    assert reply.output.text.content == "Lyon"
    assert reply.degraded


async def test_nobody_answered_is_one_clear_failure(doctors: Bench) -> None:
    for name in DOCTORS:
        doctors.servers[name].faults.set("fail", code="INTERNAL")
    reply = await doctors.infer(plan(aggregation=CASCADE))
    assert (reply.error_code, reply.error_reason) == ("UNAVAILABLE", "QUORUM_NOT_MET")
    assert len(reply.participants) == 3
