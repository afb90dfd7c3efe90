"""The demo's model servers are what the catalog says, and misbehave exactly as they are told."""

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import aiohttp
import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import Default
from grpc_health.v1 import health_pb2
from inference import open_inference_pb2 as wire
from numpy.typing import NDArray
from sklearn import datasets

from examples.fleet.catalog import FLEET, LABEL, PROBABILITIES, TIMEOUT_MS, registration
from examples.fleet.columns import BREAST_CANCER, CLASSES, COLUMNS, DIGITS
from examples.fleet.data import column_indices, holdout, split
from examples.fleet.faults import Faults
from examples.fleet.training import train
from services.models.registration import compile_model
from tests.fleet import fleet_model, fleet_process
from tests.waiting import eventually


def answers(name: str, rows: NDArray[np.float64]) -> NDArray[np.int64]:
    model = FLEET[name]
    return train(name).predict(rows[:, column_indices(model.dataset, model.columns)])


@pytest.mark.parametrize("name", FLEET)
def test_every_model_is_as_good_as_the_catalog_says(name: str) -> None:
    unseen = split(FLEET[name].dataset)[1]
    share = float((answers(name, unseen.features) == unseen.classes).mean())
    assert share == pytest.approx(FLEET[name].accuracy, abs=0.01)


def test_the_three_who_see_part_of_a_picture_are_better_together() -> None:
    unseen = split("digits")[1]
    chances = [
        train(name).predict_proba(unseen.features[:, column_indices("digits", FLEET[name].columns)])
        for name in ("digits-right", "digits-top", "digits-bottom")
    ]
    together = (np.sum(chances, axis=0).argmax(axis=1) == unseen.classes).mean()
    best = max((member.argmax(axis=1) == unseen.classes).mean() for member in chances)
    assert together > best + 0.05


def test_columns_are_the_data_sets_own() -> None:
    assert list(datasets.load_breast_cancer().feature_names) == list(BREAST_CANCER)
    assert list(datasets.load_digits().feature_names) == list(DIGITS)
    for name in ("breast-cancer", "digits"):
        assert set(split(name)[1].classes) == set(range(len(CLASSES[name])))


@pytest.mark.parametrize("dataset", COLUMNS)
def test_holdout_rows_are_unseen_and_keep_their_labels(dataset: str) -> None:
    seen, unseen = split(dataset)
    rows, labels = holdout(dataset, seed=3)
    again, _ = holdout(dataset, seed=3)
    other, _ = holdout(dataset, seed=4)
    assert (rows == again).all()
    assert not (rows == other).all()
    assert not {row.tobytes() for row in rows} & {row.tobytes() for row in seen.features}
    truth = {
        row.tobytes(): CLASSES[dataset][index]
        for row, index in zip(unseen.features, unseen.classes, strict=True)
    }
    assert [truth[row.tobytes()] for row in rows] == labels


@pytest.mark.parametrize("name", FLEET)
def test_every_registration_is_sound(name: str) -> None:
    compiled = compile_model(registration(name, "127.0.0.1:50061"))
    assert compiled.price.per_call == FLEET[name].price
    assert compiled.timeout == TIMEOUT_MS / 1e3


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_a_degraded_model_is_wrong_as_often_as_it_is_told(probability: float) -> None:
    faults = Faults()
    scores = np.tile([0.7, 0.2, 0.1], (4_000, 1))
    assert faults.spoil(scores) is scores
    faults.set("degrade", probability=probability, seed=11)
    spoilt = faults.spoil(scores)
    winners = Counter(spoilt.argmax(axis=1).tolist())
    # Standard deviation at most 0.008: five of them.
    assert 1 - winners[0] / 4_000 == pytest.approx(probability, abs=0.04)
    assert (np.sort(spoilt, axis=1) == np.sort(scores, axis=1)).all()
    faults.set("degrade", probability=probability, seed=11)
    assert (faults.spoil(scores) == spoilt).all()


def question(width: int, *, raw: bool = True) -> wire.ModelInferRequest:
    request = wire.ModelInferRequest(model_name="cancer-logistic", id="q1")
    tensor = request.inputs.add(name="input", datatype="FP64", shape=[1, width])
    values = np.linspace(0, 1, width)
    if raw:
        request.raw_input_contents.append(values.tobytes())
    else:
        tensor.contents.fp64_contents.extend(values)
    return request


async def infer(address: str, request: wire.ModelInferRequest) -> wire.ModelInferResponse:
    async with grpc.aio.insecure_channel(address) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[wire.ModelInferRequest, wire.ModelInferResponse] = (
            channel.unary_unary(
                "/inference.GRPCInferenceService/ModelInfer",
                lambda message: message.SerializeToString(),
                wire.ModelInferResponse.FromString,
            )
        )
        return await call(request, timeout=30)


async def test_the_server_speaks_the_open_inference_protocol() -> None:
    async with fleet_model("cancer-logistic") as server:
        reply = await infer(server.address, question(30))
        assert (reply.model_name, reply.id) == ("cancer-logistic", "q1")
        assert [(t.name, t.datatype, list(t.shape)) for t in reply.outputs] == [
            (LABEL, "INT64", [1]),
            (PROBABILITIES, "FP64", [1, 2]),
        ]
        # Typed in, typed out; raw in, raw out.
        typed = await infer(server.address, question(30, raw=False))
        given = np.frombuffer(reply.raw_output_contents[1], "<f8").tolist()
        assert list(typed.outputs[1].contents.fp64_contents) == given
        assert list(typed.outputs[0].contents.int64_contents) == [int(given[1] >= given[0])]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda q: q.ClearField("raw_input_contents"), "INVALID_ARGUMENT"),
        (lambda q: q.inputs[0].ClearField("name"), "INVALID_ARGUMENT"),
        (lambda q: q.inputs[0].shape.append(1), "INVALID_ARGUMENT"),
        (lambda q: q.outputs.add(name="nothing"), "INVALID_ARGUMENT"),
        (lambda q: q.ClearField("model_name"), "NOT_FOUND"),
    ],
)
async def test_the_server_refuses_what_it_cannot_read(spoil: object, code: str) -> None:
    request = question(30)
    spoil(request)  # type: ignore[operator]
    async with fleet_model("cancer-logistic") as server:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await infer(server.address, request)
    assert caught.value.code().name == code


async def test_the_server_tells_its_health() -> None:
    assert Default().FindServiceByName("grpc.health.v1.Health")
    async with (
        fleet_model("cancer-stump") as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        call: grpc.aio.UnaryUnaryMultiCallable[
            health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
        ] = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            lambda message: message.SerializeToString(),
            health_pb2.HealthCheckResponse.FromString,
        )
        for service in ("", "inference.GRPCInferenceService"):
            said = await call(health_pb2.HealthCheckRequest(service=service), timeout=30)
            assert said.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_process_obeys_its_control_and_drains(tmp_path: Path) -> None:
    async with fleet_process("cancer-logistic", tmp_path) as process:
        await infer(process.address, question(30))
        assert await process.ask() == {
            "model": "cancer-logistic",
            "mode": "ok",
            "calls": 1,
            "cancelled": 0,
            "in_flight": 0,
        }
        await process.tell("fail", code="DATA_LOSS")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await infer(process.address, question(30))
        assert caught.value.code() == grpc.StatusCode.DATA_LOSS
        await process.tell("slow", seconds=0.01)
        await infer(process.address, question(30))
        for wrong in ({"mode": "odd"}, {"mode": "fail", "code": "BAD"}, {"mode": "slow", "seconds": -1}):
            with pytest.raises(aiohttp.ClientResponseError, match="400"):
                await process.tell(**wrong)
        os.kill(process.pid, signal.SIGTERM)
        await eventually(lambda: not (tmp_path / "cancer-logistic.json").exists())


async def test_a_process_does_not_outlive_its_parent(tmp_path: Path) -> None:
    announcement = tmp_path / "cancer-stump.json"
    serve = [sys.executable, "-m", "examples.fleet", "serve", "cancer-stump"]
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"import subprocess; subprocess.run({[*serve, '--announce', str(tmp_path)]!r})",
        stdout=asyncio.subprocess.DEVNULL,
    )
    await eventually(announcement.exists, within=60)
    parent.kill()
    await parent.wait()
    await eventually(lambda: not announcement.exists())
