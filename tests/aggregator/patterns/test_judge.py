"""A member answers, a check audits, and what is rejected goes to the next."""

from contextlib import AsyncExitStack

from google.protobuf.struct_pb2 import Struct
from turnout.router.v1 import ensemble_pb2 as ensemble

from tests.aggregator.conftest import Bench
from tests.aggregator.talk import QUESTION, account, helper, plan_of, speaker, verdict
from tests.aggregator.test_unsound import oip, saying


def audited_by(name: str, **fields: object) -> ensemble.Check:
    verifier = ensemble.Verifier(helper=helper(name), **fields)  # type: ignore[arg-type]
    return ensemble.Check(verifier=verifier)


async def test_what_is_rejected_goes_to_the_larger_model(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "small", "Lyon")
        large = await speaker(bench, stack, "large", "Paris")
        audit = await speaker(bench, stack, "audit", verdict(False, "it is Paris"), verdict(True))
        judged = ensemble.Judge(check=audited_by("audit"), tell_reason=True)
        reply = await bench.infer(plan_of("small", "large", judge=judged), QUESTION)
    assert reply.output.text.content == "Paris"
    assert account(reply) == [
        ("small", "PRIMARY", "DISCARDED"),
        ("audit", "VERIFIER", "CONTRIBUTED"),
        ("large", "FALLBACK", "SERVED"),
        ("audit", "VERIFIER", "CONTRIBUTED"),
    ]
    assert (reply.aggregation.pattern, reply.aggregation.rounds) == ("judge", 2)
    assert not reply.degraded
    assert "it is Paris" in large.heard[0]
    assert "<answer>\nLyon\n</answer>" in audit.heard[0]
    form = audit.server.bodies[0]["response_format"]
    assert form["json_schema"]["schema"]["required"] == ["accept", "reason"]
    sample = bench.metrics.registry.get_sample_value
    checks = {
        result: sample("turnout_ensemble_checks_total", {"router": "", "result": result})
        for result in ("accepted", "rejected")
    }
    assert checks == {"accepted": 1, "rejected": 1}
    assert sample("turnout_ensemble_escalations_total", {"router": ""}) == 1
    assert sample("turnout_ensemble_calls_total", {"router": "", "pattern": "judge"}) == 4


async def test_nobody_accepted_is_a_failure_with_the_reasons_and_everybody_in_it(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        for name in ("small", "large"):
            await speaker(bench, stack, name, "Lyon")
        await speaker(bench, stack, "audit", verdict(False, "it is Paris"))
        judged = ensemble.Judge(check=audited_by("audit"))
        reply = await bench.infer(plan_of("small", "large", judge=judged), QUESTION)
        judged.on_exhausted = ensemble.EXHAUSTED_SERVE_LAST
        last = await bench.infer(plan_of("small", "large", judge=judged), QUESTION)
    assert (reply.error_code, reply.error_reason) == ("FAILED_PRECONDITION", "NOT_ACCEPTED")
    assert "small: it is Paris" in reply.error_message
    assert not reply.HasField("output")
    assert [role for _, role, _ in account(reply)] == ["PRIMARY", "VERIFIER", "FALLBACK", "VERIFIER"]
    assert last.output.text.content == "Lyon"
    # Nobody and nothing that was asked for is missing.
    assert not last.degraded
    assert any("nobody's answer will do" in warning for warning in last.warnings)


async def test_a_judge_that_fails_is_marked_and_what_decided_instead_is_told(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "small", "Paris")
        await speaker(bench, stack, "audit", "Looks fine to me!")
        check = audited_by("audit")
        check.on_failure = ensemble.CHECK_FAILURE_ACCEPT
        reply = await bench.infer(plan_of("small", judge=ensemble.Judge(check=check)), QUESTION)
        check.on_failure = ensemble.CHECK_FAILURE_REJECT
        strict = await bench.infer(plan_of("small", judge=ensemble.Judge(check=check)), QUESTION)
    assert reply.output.text.content == "Paris"
    assert reply.degraded
    assert account(reply)[1] == ("audit", "VERIFIER", "FAILED")
    assert reply.participants[1].error_message == (
        "its verdict is no JSON: JSON expected, got 'Looks fine to me!' in line 1, column 1"
    )
    assert any("could not be checked, and it was accepted" in warning for warning in reply.warnings)
    assert strict.error_reason == "NOT_ACCEPTED"


async def test_a_score_accepts_from_the_least_that_is_wanted(bench: Bench) -> None:
    schema = Struct()
    schema.update({"type": "object", "properties": {"score": {"type": "number"}}, "required": ["score"]})
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "small", "Lyon")
        await speaker(bench, stack, "large", "Paris")
        await speaker(bench, stack, "audit", '{"score": 0.69}', '{"score": 0.7}')
        check = audited_by("audit", verdict_schema=schema, accept_pointer="/score", min_score=0.7)
        reply = await bench.infer(plan_of("small", "large", judge=ensemble.Judge(check=check)), QUESTION)
    assert reply.output.text.content == "Paris"
    assert reply.aggregation.rounds == 2


async def test_settings_of_another_kind_of_verifier_are_told(bench: Bench) -> None:
    """Which kind it is, is known when it is asked."""
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "small", "Paris")
        await speaker(bench, stack, "audit", verdict(True))
        await oip(bench, stack, "sieve", saying(0.1, 0.9), probabilities="v", class_order=["no", "yes"])
        by_chat = ensemble.Judge(check=audited_by("audit", accept_labels=["yes"]))
        told = await bench.infer(plan_of("small", judge=by_chat), QUESTION)
        by_label = ensemble.Judge(check=audited_by("sieve", accept_labels=["yes"], rubric="Be strict."))
        labelled = await bench.infer(plan_of("small", judge=by_label), QUESTION)
    assert told.output == labelled.output
    assert list(told.warnings) == [
        "accept_labels has no effect: models/audit is a chat model, whose verdict is JSON"
    ]
    assert list(labelled.warnings) == [
        "rubric has no effect: models/sieve is a classifier, whose verdict is a label"
    ]


async def test_a_schema_or_a_condition_checks_without_a_model(bench: Bench) -> None:
    schema = Struct()
    schema.update({"type": "object", "required": ["city"]})
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "small", "It is Paris.")
        await speaker(bench, stack, "middle", '{"town": "Paris"}')
        await speaker(bench, stack, "large", '{"city": "Paris"}')
        names = ("small", "middle", "large")
        judged = ensemble.Judge(check=ensemble.Check(json_schema=schema))
        by_schema = await bench.infer(plan_of(*names, judge=judged), QUESTION)
        judged = ensemble.Judge(check=ensemble.Check(cel="json.city == 'Paris' && size(text) < 100"))
        by_condition = await bench.infer(plan_of(*names, judge=judged), QUESTION)
    for reply in (by_schema, by_condition):
        assert reply.output.text.content == '{"city": "Paris"}'
        assert reply.aggregation.rounds == 3
    assert not by_schema.degraded
    # A condition on JSON that is not there could not be asked, which is more than a no.
    assert by_condition.degraded


async def test_beyond_the_members_the_last_one_is_asked_again(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "small", "Lyon", "Nice", "Paris")
        judged = ensemble.Judge(check=ensemble.Check(cel="text == 'Paris'"), max_rounds=3)
        reply = await bench.infer(plan_of("small", judge=judged), QUESTION)
    assert reply.output.text.content == "Paris"
    assert [one.attempt for one in reply.participants] == [1, 2, 3]
    assert reply.aggregation.rounds == 3
    # What it said before it has taken back: nobody differs from the reply.
    assert not reply.aggregation.dissenting
    assert not reply.aggregation.HasField("agreement")
    assert [each[2] for each in account(reply)] == ["DISCARDED", "DISCARDED", "SERVED"]


async def test_rounds_beyond_an_order_of_few_ask_its_last_again(bench: Bench) -> None:
    """Whoever the order leaves out is not among those who must have been asked first."""
    async with AsyncExitStack() as stack:
        for name in ("large", "huge"):
            await speaker(bench, stack, name, "Paris")
        await speaker(bench, stack, "small", "Lyon", "Nice", "Paris")
        check = ensemble.Check(cel="text == 'Paris'")
        judged = ensemble.Judge(check=check, max_rounds=3, order=["small"])
        reply = await bench.infer(plan_of("large", "small", "huge", judge=judged), QUESTION)
    assert account(reply)[2] == ("small", "FALLBACK", "SERVED")
    assert len(reply.participants) == reply.aggregation.rounds == 3
