"""Calls of real model servers: what they answer, and every way in which they do not."""

import asyncio

import grpc
import numpy as np
import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from structlog.testing import capture_logs
from turnout.inference.v1.input_pb2 import Input, TabularInput, Tensor, TensorInput
from turnout.router.v1.overrides_pb2 import Overrides

from examples.fleet.columns import BREAST_CANCER
from examples.fleet.data import holdout
from examples.fleet.training import train
from services.foundation.errors import Internal
from services.foundation.tracing import RemoteParent
from services.models import inferring
from services.models.answer import Answer, Failure
from services.models.errors import InvalidModel, ModelBusy, ModelFailed, ModelTimedOut
from services.models.handle import ModelHandle, probe
from tests.fleet import fleet_model, scripted_model
from tests.models.example import churn, open_pool, patient, record
from tests.waiting import eventually

ROWS, LABELS = holdout("breast-cancer", seed=7)
FIRST = Input(tabular=TabularInput(numeric_features=dict(zip(BREAST_CANCER, ROWS[0], strict=True))))
SPAN = RemoteParent("a" * 32, "b" * 16, True)


@pytest.fixture(autouse=True, params=["below", "above"])
def layer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of making a call: with this series of the library, and with one that is not known."""
    if request.param == "above":
        monkeypatch.setattr(inferring, "TESTED", ())


def test_calls_are_made_below_with_the_series_that_is_installed() -> None:
    """Whoever upgrades the library runs these tests with the new series among those TESTED, or without."""
    assert not inferring.TESTED or grpc.__version__.startswith(inferring.TESTED)


async def ask(handle: ModelHandle, seconds: float = 60.0) -> Answer | Failure:
    return await handle.call(handle.prepare(FIRST), seconds, SPAN)


async def test_answers_a_record_as_the_model_itself_would() -> None:
    async with fleet_model("cancer-logistic") as server, open_pool() as pool:
        answer = await ask(pool.open(patient("cancer-logistic", server.address)))
    assert isinstance(answer, Answer)
    expected = train("cancer-logistic").predict_proba(ROWS[:1])[0]
    given = [p.probability for p in answer.output.classification.probabilities]
    assert given == pytest.approx(expected.tolist(), abs=1e-12)
    assert answer.output.classification.label == LABELS[0]
    assert answer.confidence == pytest.approx(max(expected))
    assert (answer.cost, answer.currency) == (4e-4, "USD")
    assert answer.endpoint == server.address
    assert answer.latency > 0


async def test_answers_a_batch_row_by_row() -> None:
    tensor = Tensor(name="input", datatype="FP64", shape=ROWS.shape)
    given = Input(tensors=TensorInput(tensors=[tensor], raw_contents=[ROWS.tobytes()]))
    async with fleet_model("cancer-logistic") as server, open_pool() as pool:
        handle = pool.open(patient("cancer-logistic", server.address))
        answer = await handle.call(handle.prepare(given), 10.0)
    assert isinstance(answer, Answer)
    labels = [row.label for row in answer.output.classification.rows]
    assert np.mean([mine == true for mine, true in zip(labels, LABELS, strict=True)]) == pytest.approx(
        0.973, abs=0.001
    )


async def test_the_model_server_sees_the_trace() -> None:
    async with fleet_model("cancer-bayes") as server, open_pool() as pool:
        answer = await ask(pool.open(patient("cancer-bayes", server.address)))
        assert isinstance(answer, Answer)
        assert server.metadata_seen["traceparent"] == f"00-{SPAN.trace_id}-{answer.span_id}-01"
        assert answer.span_id != SPAN.span_id


@pytest.mark.parametrize(("own", "given"), [(0.05, 60.0), (60.0, 0.05)])
async def test_nobody_waits_longer_than_the_shorter_timeout(own: float, given: float) -> None:
    async with fleet_model("cancer-bayes", "hang") as server, open_pool() as pool:
        model = patient("cancer-bayes", server.address)
        model.timeout.FromMilliseconds(int(own * 1000))
        handle = pool.open(model)
        failure = await ask(handle, given)
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.code) == ("TIMED_OUT", "DEADLINE_EXCEEDED")
        assert failure.message == "no answer within 0.05 s"
        assert isinstance(failure.error, ModelTimedOut)
        assert failure.span_id
        assert handle.in_flight == 0
        # The server is not left working for nobody.
        await eventually(lambda: server.cancelled == 1 and server.in_flight == 0)


async def test_no_call_is_made_when_no_time_is_left() -> None:
    async with fleet_model("cancer-bayes") as server, open_pool() as pool:
        failure = await ask(pool.open(patient("cancer-bayes", server.address)), 0.0)
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.message) == ("TIMED_OUT", "no time was left to call it")
        assert (failure.endpoint, failure.span_id, server.calls) == ("", "", 0)


async def test_cancelling_the_caller_cancels_the_call_on_the_server() -> None:
    async with fleet_model("cancer-bayes", "hang") as server, open_pool() as pool:
        handle = pool.open(patient("cancer-bayes", server.address))
        attempt = handle.attempt(handle.prepare(FIRST), 60.0, SPAN)
        task = asyncio.create_task(attempt.run())
        await eventually(lambda: server.in_flight == 1)
        assert handle.in_flight == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: server.cancelled == 1 and server.in_flight == 0)
        assert handle.in_flight == 0
        account = attempt.cancelled()
        assert (account.kind, account.endpoint, account.span_id) == (
            "CANCELLED",
            server.address,
            attempt.span_id,
        )
        assert account.latency > 0


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        ("UNAVAILABLE", "FAILED", True),
        ("INTERNAL", "FAILED", False),
        ("RESOURCE_EXHAUSTED", "FAILED", False),
        ("CANCELLED", "CANCELLED", False),
        ("DEADLINE_EXCEEDED", "TIMED_OUT", False),
    ],
)
async def test_a_refusal_is_a_failure_and_is_not_repeated(code: str, kind: str, retryable: bool) -> None:
    async with fleet_model("cancer-bayes", "fail", code=code) as server, open_pool() as pool:
        failure = await ask(pool.open(patient("cancer-bayes", server.address)))
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.code, failure.retryable) == (kind, code, retryable)
        assert server.calls == 1


async def test_a_dead_model_is_a_failure(unused_tcp_port: int) -> None:
    async with open_pool() as pool:
        failure = await ask(pool.open(patient("cancer-bayes", f"127.0.0.1:{unused_tcp_port}")))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code, failure.retryable) == ("FAILED", "UNAVAILABLE", True)
    error = failure.error
    assert isinstance(error, ModelFailed)
    assert (error.reason, error.facts["model_code"]) == ("MODEL_FAILED", "UNAVAILABLE")
    # The library would say where it tried, by which socket; that is for the log.
    assert error.message == "models/cancer-bayes: cannot be reached: it refused the connection"


async def test_a_model_that_has_come_back_is_found_again() -> None:
    async with open_pool() as pool:
        async with fleet_model("cancer-bayes") as server:
            handle = pool.open(patient("cancer-bayes", server.address))
            assert isinstance(await ask(handle), Answer)
        assert isinstance(await ask(handle), Failure)
        async with fleet_model("cancer-bayes", port=int(server.address.split(":")[1])):

            async def answered() -> bool:
                return isinstance(await ask(handle), Answer)

            await eventually(answered)


async def test_calls_above_max_concurrency_are_dropped() -> None:
    async with fleet_model("cancer-bayes", "hang") as server, open_pool() as pool:
        model = patient("cancer-bayes", server.address)
        model.max_concurrency = 1
        handle = pool.open(model)
        first = asyncio.create_task(ask(handle))
        await eventually(lambda: server.in_flight == 1)
        dropped = await ask(handle)
        assert isinstance(dropped, Failure)
        assert (dropped.kind, dropped.code, dropped.endpoint) == ("DROPPED", "RESOURCE_EXHAUSTED", "")
        assert isinstance(dropped.error, ModelBusy)
        assert dropped.error.retry_after == 1.0
        server.faults.set("ok")
        assert isinstance(await first, Answer)
        assert isinstance(await ask(handle), Answer)


async def test_a_busy_instance_gets_no_further_calls() -> None:
    async with (
        fleet_model("cancer-bayes", "hang") as busy,
        fleet_model("cancer-bayes") as idle,
        open_pool() as pool,
    ):
        model = patient("cancer-bayes", busy.address, idle.address)
        handle = pool.open(model)
        waiting: list[asyncio.Task[Answer | Failure]] = []
        while not busy.in_flight:
            waiting.append(asyncio.create_task(ask(handle, 60.0)))
            await asyncio.wait(waiting, timeout=0.05)
        for _ in range(20):
            answer = await ask(handle)
            assert isinstance(answer, Answer)
            assert answer.endpoint == idle.address
        assert busy.calls == 1
        busy.faults.set("ok")
        await asyncio.gather(*waiting)


async def test_a_malformed_reply_is_a_failure() -> None:
    async def answer(request: ModelInferRequest) -> ModelInferResponse:
        return ModelInferResponse(model_name=request.model_name)

    async with scripted_model("churn", answer) as server, open_pool() as pool:
        model = churn()
        model.endpoints[0].address = server.address
        handle = pool.open(model)
        given = record(amount=1, visits=2, age=3, contract="yearly", loyal=0)
        failure = await handle.call(handle.prepare(given), 10.0)
    assert isinstance(failure, Failure)
    assert failure.message == "malformed reply: no tensor 'scores'; it has none"
    assert failure.error.reason == "MODEL_FAILED"


async def test_a_reply_beyond_the_limit_is_a_failure() -> None:
    async def answer(request: ModelInferRequest) -> ModelInferResponse:
        return ModelInferResponse(model_name=request.model_name, raw_output_contents=[bytes(2**24)])

    async with scripted_model("cancer-bayes", answer) as server, open_pool() as pool:
        failure = await ask(pool.open(patient("cancer-bayes", server.address)))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code) == ("FAILED", "RESOURCE_EXHAUSTED")


async def test_a_server_can_say_not_again() -> None:
    async def refuse(request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        context.set_trailing_metadata((("grpc-retry-pushback-ms", "-1"),))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "broken for good")

    server = grpc.aio.server()
    service: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "ModelInfer": grpc.unary_unary_rpc_method_handler(refuse)
    }
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("inference.GRPCInferenceService", service),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with open_pool() as pool:
        failure = await ask(pool.open(patient("cancer-bayes", f"127.0.0.1:{port}")))
    await server.stop(0)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.message, failure.retryable) == ("UNAVAILABLE", "broken for good", False)


async def test_another_threshold_shares_the_instances() -> None:
    async with fleet_model("cancer-logistic") as server, open_pool() as pool:
        handle = pool.open(patient("cancer-logistic", server.address))
        strict, lax = (handle.with_overrides(Overrides(threshold=value)) for value in (1.0, 0.0))
        answers = [await ask(one) for one in (strict, lax)]
        assert [a.output.classification.label for a in answers if isinstance(a, Answer)] == [
            "benign",
            "malignant",
        ]
        assert strict.endpoints is handle.endpoints
        with pytest.raises(InvalidModel, match=r"overrides\.threshold"):
            handle.with_overrides(Overrides(threshold=2.0))


async def test_a_probe_reports_what_the_server_says() -> None:
    async with fleet_model("cancer-logistic") as server, open_pool() as pool:
        handle = pool.open(patient("cancer-logistic", server.address))
        said = await probe(handle, 5.0)
        assert said.ready
        assert said.inputs == (("input", "FP64", (-1, 30)),)
        assert said.outputs == (("predict", "INT64", (-1,)), ("predict_proba", "FP64", (-1, 2)))
        assert said.latency > 0
        server.faults.set("fail")
        unready = await probe(handle, 5.0)
        assert (unready.ready, unready.message) == (
            False,
            "the server says that 'cancer-logistic' is not ready",
        )


async def test_a_probe_is_as_good_as_the_worst_instance(unused_tcp_port: int) -> None:
    dead = f"127.0.0.1:{unused_tcp_port}"
    async with fleet_model("cancer-logistic") as server, open_pool() as pool:
        handle = pool.open(patient("cancer-logistic", server.address, dead))
        said = await probe(handle, 5.0)
    assert not said.ready
    assert said.message.startswith(f"{dead}: UNAVAILABLE: ")


async def test_a_defect_of_ours_is_a_failure_with_an_id_and_without_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("the secret")

    async with fleet_model("cancer-bayes") as server, open_pool() as pool:
        handle = pool.open(patient("cancer-bayes", server.address))
        question = handle.prepare(FIRST)
        monkeypatch.setattr(handle.wire, "read", defect)
        with capture_logs() as logged:
            failure = await handle.call(question, 60.0, SPAN)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code, handle.in_flight) == ("FAILED", "INTERNAL", 0)
    assert failure.endpoint == server.address
    assert failure.latency > 0
    error = failure.error
    assert isinstance(error, Internal)
    assert error.facts["error_id"] == failure.error_id
    assert failure.error_id in error.message
    assert "secret" not in error.message
    assert [(one["error_id"], one["log_level"]) for one in logged] == [(failure.error_id, "error")]
