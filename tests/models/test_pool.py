"""Handles come and go with the registry, and calls in flight do not notice."""

import asyncio
import gc
import random

import pytest

from services.models.answer import Answer
from services.models.endpoints import Endpoint, Line, Probe, least_loaded
from services.models.errors import InvalidModel
from tests.fleet import fleet_model
from tests.models.example import open_pool, patient
from tests.models.test_calling import ask
from tests.waiting import eventually


async def test_models_at_one_address_share_a_channel() -> None:
    async with fleet_model("cancer-bayes") as server, open_pool() as pool:
        pool.open(patient("cancer-bayes", server.address))
        pool.open(patient("cancer-stump", f"grpc://{server.address}"))
        assert pool.connections.targets == [server.address]


async def test_an_unchanged_model_keeps_its_handle() -> None:
    async with open_pool() as pool:
        model = patient("cancer-bayes", "127.0.0.1:9")
        handle = pool.open(model)
        assert pool.open(model) is handle
        assert pool.get("models/cancer-bayes") is handle
        model.timeout.FromMilliseconds(100)
        changed = pool.open(model)
        assert changed is not handle
        assert (changed.timeout, handle.timeout) == (0.1, 60.0)


async def test_a_bad_change_leaves_the_old_handle() -> None:
    async with open_pool() as pool:
        model = patient("cancer-bayes", "127.0.0.1:9")
        handle = pool.open(model)
        model.endpoints.clear()
        with pytest.raises(InvalidModel):
            pool.open(model)
        assert pool.get("models/cancer-bayes") is handle


@pytest.mark.parametrize("change", ["replaced", "forgotten"])
async def test_a_call_in_flight_survives_the_change_of_its_model(change: str) -> None:
    async with (
        fleet_model("cancer-bayes", "hang") as old,
        fleet_model("cancer-bayes") as new,
        open_pool() as pool,
    ):
        model = patient("cancer-bayes", old.address)
        call = asyncio.create_task(ask(pool.open(model), 60.0))
        await eventually(lambda: old.in_flight == 1)
        if change == "replaced":
            assert isinstance(await ask(pool.open(patient("cancer-bayes", new.address))), Answer)
        else:
            pool.forget("models/cancer-bayes")
        assert old.address in pool.connections.targets
        old.faults.set("ok")
        answer = await call
        assert isinstance(answer, Answer)
        assert answer.endpoint == old.address
        del call
        # Nobody holds the old channel any more, so it is gone.
        gc.collect()
        assert old.address not in pool.connections.targets


async def test_a_closed_pool_fails_calls_and_does_not_crash() -> None:
    async with fleet_model("cancer-bayes") as server:
        async with open_pool() as pool:
            handle = pool.open(patient("cancer-bayes", server.address))
        failure = await ask(handle)
        assert not isinstance(failure, Answer)
        assert (failure.kind, failure.code) == ("FAILED", "UNAVAILABLE")


async def test_a_draining_instance_of_weight_zero_is_not_called() -> None:
    async with (
        fleet_model("cancer-bayes") as drained,
        fleet_model("cancer-bayes") as kept,
        open_pool() as pool,
    ):
        model = patient("cancer-bayes", drained.address, kept.address)
        model.endpoints[0].weight = 0
        handle = pool.open(model)
        for _ in range(10):
            assert isinstance(await ask(handle), Answer)
        assert (drained.calls, kept.calls) == (0, 10)


def instance(weight: float, in_flight: int) -> Endpoint:
    async def send(body: bytes, timeout: float, trace: str) -> bytes:  # noqa: ASYNC109
        return body

    async def tell(timeout: float) -> Probe:  # noqa: ASYNC109
        return Probe(True)

    return Endpoint(f"{weight}:{in_flight}", weight, Line(send, tell), {}, in_flight)


def test_the_least_loaded_for_its_weight_is_next() -> None:
    rng = random.Random(5)
    heavy, light = instance(4, 6), instance(1, 2)
    assert least_loaded([light, heavy], rng) is heavy
    heavy.in_flight = 9
    assert least_loaded([heavy, light], rng) is light


def test_equals_are_drawn_by_weight() -> None:
    rng = random.Random(5)
    three, one = instance(3, 0), instance(1, 0)
    drawn = [least_loaded([three, one], rng) is three for _ in range(4_000)]
    # Standard deviation 0.007: five of them.
    assert sum(drawn) / len(drawn) == pytest.approx(0.75, abs=0.035)
