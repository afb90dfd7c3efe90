"""Processes are killed and stopped while traffic flows."""

import asyncio
import os
import signal
from collections.abc import Awaitable
from functools import partial

from redis.asyncio import Redis

from examples.demo.rows import Supply
from services.foundation.errors import RemoteError
from tests.stories.asking import INFERENCE, arms, deployed, predict, router, tell
from tests.stories.suite import Suite
from tests.waiting import eventually

MODELS = ("digits-right", "digits-bottom")
AT_ONCE = 8


async def ask_many(suite: Suite, name: str, count: int, seed: int) -> list[str]:
    """Ask so many times, several at once; the ids of what was answered. Errors are the caller's to see."""
    client = suite.client("router")
    supply = Supply("digits", seed)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> str:
        async with gate:
            return (await predict(client, name, supply.take())).prediction_id

    return await asyncio.gather(*(one() for _ in range(count)))


async def test_a_router_worker_that_is_killed_is_replaced_while_the_others_answer(suite: Suite) -> None:
    client = suite.client("router", unretried=[f"{INFERENCE}/Predict"])
    await deployed(client, router("crash-worker", *MODELS))
    workers = await suite.workers("router")
    assert len(workers) == 2
    supply = Supply("digits", 21)
    answered, lost, killed = 0, [], False
    while answered < 200:
        results = await asyncio.gather(
            *(predict(client, "crash-worker", supply.take()) for _ in range(AT_ONCE)), return_exceptions=True
        )
        failed = [result for result in results if isinstance(result, BaseException)]
        answered += len(results) - len(failed)
        lost += failed
        if failed:
            # It may have reached the dying one once more, and fails whoever asks until it tries again.
            await eventually(lambda: _reached(predict(client, "crash-worker", supply.take())), within=30)
        if answered >= 50 and not killed:
            os.kill(workers[0], signal.SIGKILL)
            killed = True
    # Only what was on its way to the dead worker is lost, and it says that it may be repeated elsewhere.
    assert all(isinstance(failure, RemoteError) and failure.code == "UNAVAILABLE" for failure in lost)
    assert len(lost) <= 3 * AT_ONCE
    await eventually(lambda: len(suite.ready["pids"].get("router", ())) == 2, within=60)
    await eventually(lambda: workers[0] not in suite.ready["pids"].get("router", workers), within=60)
    assert len(await ask_many(suite, "crash-worker", 40, 22)) == 40


async def test_no_prediction_fails_while_redis_stands_still_and_none_is_forgotten(suite: Suite) -> None:
    client = suite.client("router")
    await deployed(client, router("crash-redis", *MODELS))
    (redis,) = await suite.workers("redis")
    os.kill(redis, signal.SIGSTOP)
    try:
        ids = await ask_many(suite, "crash-redis", 500, 23)
    finally:
        os.kill(redis, signal.SIGCONT)
    assert len(set(ids)) == 500
    learner = suite.client("feedback")

    async def all_pulls() -> bool:
        known = await arms(learner, "crash-redis")
        return bool(sum(arm.pulls for arm in known.values()) == 500)

    await eventually(all_pulls, within=60)


async def test_acknowledged_feedback_outlives_a_killed_redis_and_a_killed_feedback_service(
    suite: Suite,
) -> None:
    client, learner = suite.client("router"), suite.client("feedback")
    await deployed(client, router("crash-feedback", *MODELS, bandit={}))
    ids = await ask_many(suite, "crash-feedback", 40, 24)
    for place, prediction in enumerate(ids):
        await tell(learner, prediction, "7", feedback_id=f"crash-{prediction}")
        if place == 20:
            # The append-only file is written before the reply: kill -9 of the process loses nothing of it.
            for name in ("redis", "feedback"):
                (gone,) = await suite.workers(name)
                os.kill(gone, signal.SIGKILL)
                await eventually(partial(_another, suite, name, gone), within=60)
            await eventually(lambda: _answers(suite), within=30)
            # A channel that found nobody there tries again by and by, and tells whoever asks meanwhile.
            await eventually(lambda: _reached(arms(learner, "crash-feedback")), within=30)

    async def all_rewards() -> bool:
        known = await arms(learner, "crash-feedback")
        return bool(sum(arm.rewards for arm in known.values()) == 40)

    await eventually(all_rewards, within=60)


def _another(suite: Suite, name: str, gone: int) -> bool:
    return suite.ready["pids"].get(name, [gone]) not in ([], [gone])


async def _answers(suite: Suite) -> bool:
    async with Redis.from_url(suite.ready["redis"], protocol=2) as redis:
        return bool(await redis.ping())


async def _reached(asked: Awaitable[object]) -> bool:
    try:
        await asked
    except RemoteError as not_yet:
        raise AssertionError(str(not_yet)) from not_yet
    return True
