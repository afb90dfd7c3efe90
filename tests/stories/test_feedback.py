"""What came of predictions, through any door and any replica, moves everything that learns from it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from turnout.drift.v1 import drift_service_pb2
from turnout.drift.v1 import truth_pb2 as drift
from turnout.inference.v1.event_pb2 import Truth
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import router_service_pb2, strategy_pb2

from examples.demo.rows import Supply
from services.foundation.client import Client
from tests.stories.asking import INFERENCE, ROUTERS, SECONDS, arms, deployed, predict, router, tell
from tests.stories.suite import Suite, plain_environment
from tests.waiting import eventually

DRIFT = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"].full_name
START_SECONDS = 60.0


@asynccontextmanager
async def replica(suite: Suite, folder: Path) -> AsyncIterator[Client]:
    """One more router, with an address of its own."""
    told = {
        "REDIS_URL": suite.ready["redis"],
        "PORT": "0",
        "METRICS_PORT": "0",
        "AGGREGATOR": suite.ready["aggregator"],
        "FEEDBACK": suite.ready["feedback"],
        "SPOOL_DIR": str(folder / "spool"),
    }
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.router", "--announce", str(folder)),
        env={**plain_environment(), **{f"TURNOUT_ROUTER_{key}": value for key, value in told.items()}},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        said = folder / "router-0.json"
        await eventually(said.exists, within=START_SECONDS)
        client = Client(json.loads(said.read_text())["address"])
        yield client
        await client.close()
    finally:
        child.terminate()
        await child.wait()


async def share(client: Client, name: str, variant: str) -> float:
    """What a replica allots to a variant."""
    request = inference.ExplainRequest(router=name)
    reply = await client.unary(INFERENCE, "Explain")(request, timeout=SECONDS)
    return float({one.variant: one.probability for one in reply.decision.candidates}[variant])


async def test_rewards_through_one_replica_move_the_traffic_of_all(suite: Suite, tmp_path: Path) -> None:
    first = suite.client("router")
    bandit = strategy_pb2.BanditStrategy(
        exploration_rate=0.2, algorithm=strategy_pb2.BANDIT_ALGORITHM_EPSILON_GREEDY
    )
    await deployed(first, router("told-replicas", "digits-bottom", "digits-right", bandit=bandit))
    # The first is two workers by itself.
    async with replica(suite, tmp_path / "second") as second:
        replicas = [first, second]
        supply = Supply("digits", 31)
        for turn in range(24):
            reply = await predict(replicas[turn % 2], "told-replicas", supply.take())
            right = reply.manifest.decision.variant == "digits-right"
            # Whoever answered, the second replica is the one that is told.
            request = router_service_pb2.RecordFeedbackRequest(
                prediction_id=reply.prediction_id, reward=float(right), feedback_id=f"told-{turn}"
            )
            await second.unary(ROUTERS, "RecordFeedback")(request, timeout=SECONDS)

        async def moved() -> bool:
            shares = [await share(one, "told-replicas", "digits-right") for one in replicas]
            return all(abs(one - 0.9) < 1e-6 for one in shares)

        await eventually(moved, within=20)


async def test_truth_through_either_door_moves_arms_and_accuracy(suite: Suite) -> None:
    client, learner = suite.client("router"), suite.client("feedback")
    await deployed(client, router("told-doors", "digits-top", "digits-right", bandit={}))
    supply = Supply("digits", 32)
    doors = {"feedback": 0, "drift": 0}
    for turn in range(16):
        reply = await predict(client, "told-doors", supply.take())
        said = reply.output.classification.label
        name = "drift" if turn % 2 else "feedback"
        doors[name] += 1
        if name == "feedback":
            await tell(learner, reply.prediction_id, said)
        else:
            request = drift.AddGroundTruthRequest(prediction_id=reply.prediction_id, truth=Truth(label=said))
            await suite.client("drift").unary(DRIFT, "AddGroundTruth")(request, timeout=SECONDS)

    async def counted() -> bool:
        known = (await arms(learner, "told-doors")).values()
        right = all(arm.mean == 1.0 for arm in known if arm.rewards)
        return sum(arm.rewards for arm in known) == sum(doors.values()) and right

    await eventually(counted, within=20)
    metrics = router_service_pb2.GetMetricsRequest(name="told-doors")

    async def shown() -> bool:
        total = (await client.unary(ROUTERS, "GetMetrics")(metrics, timeout=SECONDS)).total
        return (total.labels, total.accuracy) == (16, 1.0)

    await eventually(shown, within=20)
