"""Members that die in the middle, come too late, or say nonsense: each is accounted for, the rest answers."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse

from examples.fleet.catalog import registration
from tests.aggregator.conftest import DOCTORS, Bench, diagnosis, plan
from tests.aggregator.talk import account
from tests.fleet import fleet_process, scripted_model
from tests.waiting import eventually


async def test_a_member_that_dies_in_the_middle_of_its_call_fails_alone(
    doctors: Bench, tmp_path: Path
) -> None:
    async with fleet_process("cancer-stump", tmp_path) as stump:
        doctors.register(stump.model)
        await stump.tell("hang")
        asking = asyncio.ensure_future(doctors.infer(plan(*DOCTORS, "cancer-stump", member_retries=0)))

        async def busy() -> bool:
            return bool((await stump.ask())["in_flight"])

        await eventually(busy)
        os.kill(stump.pid, signal.SIGKILL)
        reply = await asking
    assert account(reply)[3] == ("cancer-stump", "JUROR", "FAILED")
    assert reply.participants[3].error_code == "UNAVAILABLE"
    assert reply.output.classification.label == diagnosis()
    assert reply.degraded


async def test_an_answer_that_comes_too_late_is_nobodys(doctors: Bench) -> None:
    doctors.servers["cancer-bayes"].faults.set("hang")
    reply = await doctors.infer(plan(timeouts=[None, None, 0.2]))
    assert account(reply)[2] == ("cancer-bayes", "JUROR", "TIMED_OUT")
    assert len(reply.outputs) == 2
    # The server saw that nobody waits for it any more: letting it go answers nobody.
    await eventually(lambda: doctors.servers["cancer-bayes"].in_flight == 0)
    doctors.servers["cancer-bayes"].faults.set("ok")
    again = await doctors.infer(plan())
    assert {outcome for _, _, outcome in account(again)} == {"CONTRIBUTED"}


@pytest.mark.parametrize("chances", [[float("nan"), 0.5], [0.9, 0.9], [-0.5, 1.5], [0.2, 0.3, 0.5]], ids=str)
async def test_nonsense_is_no_answer(doctors: Bench, chances: list[float]) -> None:
    async def answer(request: ModelInferRequest) -> ModelInferResponse:
        reply = ModelInferResponse(model_name=request.model_name)
        reply.outputs.add(name="predict", datatype="BYTES", shape=[1]).contents.bytes_contents.append(
            b"benign"
        )
        spread = reply.outputs.add(name="predict_proba", datatype="FP64", shape=[1, len(chances)])
        spread.contents.fp64_contents.extend(chances)
        return reply

    async with scripted_model("cancer-stump", answer) as server:
        doctors.register(registration("cancer-stump", server.address))
        reply = await doctors.infer(plan(*DOCTORS, "cancer-stump"))
    assert account(reply)[3] == ("cancer-stump", "JUROR", "FAILED")
    assert reply.participants[3].error_message.startswith("malformed reply: ")
    assert [one.participant for one in reply.outputs] == [0, 1, 2]
    assert reply.degraded


async def test_a_jury_of_all_kinds_of_trouble_still_names_everybody(doctors: Bench) -> None:
    doctors.servers["cancer-logistic"].faults.set("fail", code="INTERNAL")
    doctors.servers["cancer-boosting"].faults.set("hang")
    jury = plan(*DOCTORS, "nobody", timeouts=[None, 0.2], quorum=1)
    reply = await doctors.infer(jury)
    assert account(reply) == [
        ("cancer-logistic", "JUROR", "FAILED"),
        ("cancer-boosting", "JUROR", "TIMED_OUT"),
        ("cancer-bayes", "JUROR", "CONTRIBUTED"),
        ("nobody", "JUROR", "SKIPPED"),
    ]
    (warning,) = [one for one in reply.warnings if one.startswith("without an answer")]
    assert all(name in warning for name in ("cancer-logistic", "cancer-boosting", "nobody"))
