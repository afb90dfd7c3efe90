"""What learning costs: `python -m benchmarks.rewards` writes build/rewards.json.

CPU of computing and publishing the allocations of 1,000 changed bandits of 10 arms each (Redis's own not
counted), of looking at them when nothing has changed, and of the process at rest; and the time from a reward
that Redis has to the changed allocation on each of three replicas.
"""

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.strategy_pb2 import BanditStrategy

from services.feedback.contexts import Contexts
from services.feedback.notices import Notices
from services.feedback.publisher import Publisher
from services.feedback.rulebook import Rulebook
from services.feedback.standings import Standings, learner_of
from services.state import ids
from services.state.claims import Claim, Report
from services.state.config_reader import ConfigReader
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.ids import new_uid
from services.state.kinds import ROUTERS
from services.state.learned import LearnedFollower, SnapshotStore
from services.state.ownership import Ownership
from services.state.pulls import PullStore
from services.state.records import RecordStore
from services.state.rewards import RewardStore

WRITTEN = Path("build/rewards.json")
ROUTERS_MEASURED, ARMS, REPLICAS, REWARDS, SEED = 1000, 10, 3, 200, 11
# As settings.publish_seconds is by default.
GATHER_SECONDS = 0.05
ALGORITHMS = ("EPSILON_GREEDY", "THOMPSON", "UCB1", "KL_UCB")
IDLE_SECONDS = 5.0


def routers(rng: random.Random, algorithm: str) -> list[Router]:
    """Bandits that differ in nothing but their uid."""
    made = []
    for number in range(ROUTERS_MEASURED):
        router = Router(name=f"routers/r{number}", uid=new_uid(time.time(), rng), generation=1)
        for arm in range(ARMS):
            router.variants.add(id=f"arm-{arm}", model=f"models/m{arm}", enabled=True)
        router.bandit.MergeFrom(BanditStrategy(algorithm=f"BANDIT_ALGORITHM_{algorithm}"))
        made.append(router)
    return made


def claims(rulebook: Rulebook, rng: random.Random, each: int) -> list[Claim]:
    """So many rewards for every arm of every router."""
    chances = np.linspace(0.3, 0.8, ARMS)
    found = []
    for rules in rulebook.learning():
        for arm in range(ARMS):
            for _ in range(each):
                id_ = ids.new_prediction_id(rules.partition, time.time(), rng)
                units = 1_000_000 * (rng.random() < chances[arm])
                report = Report(id_, 0, f"arm-{arm}", int(units), int(time.time() * 1e6), id_)
                found.append(Claim(learner_of(rules), report, rules.window, rules.horizon))
    return found


async def publisher_of(connections: Connections, rng: random.Random, those: Sequence[Router]) -> Publisher:
    """A publisher that owns everything and knows these routers."""
    rulebook = Rulebook(ConfigReader(connections, ROUTERS, time.time))
    for router in those:
        rulebook.take(ROUTERS.name, router.uid, router)
    ownership = Ownership(connections, "feedback", new_uid(time.time(), rng), rng=rng, lease_seconds=600)
    await ownership.round()
    redis, snapshots = connections.steady, SnapshotStore(connections)
    contexts = Contexts(RecordStore(connections))
    standings = Standings(RewardStore(redis), PullStore(redis), snapshots, contexts)
    return Publisher(rulebook, standings, snapshots, ownership, time.time, GATHER_SECONDS)


async def recomputed(connections: Connections, algorithm: str) -> dict[str, float]:
    """CPU milliseconds of a look at 1,000 changed routers, and of one at the same without a change."""
    rng = random.Random(SEED)
    publisher = await publisher_of(connections, rng, routers(rng, algorithm))
    await publisher.publish_changed()
    rewards = publisher.standings.rewards
    for _ in range(2):
        made = claims(publisher.rulebook, rng, each=2)
        for first in range(0, len(made), 500):
            await rewards.apply(made[first : first + 500], time.time())
        began = time.process_time()
        await publisher.publish_changed()
        changed = time.process_time() - began
    began = time.process_time()
    await publisher.publish_changed()
    unchanged = time.process_time() - began
    await publisher.ownership.drain()
    return {"changed_cpu_ms": round(changed * 1000, 1), "unchanged_cpu_ms": round(unchanged * 1000, 1)}


async def reached(connections: Connections) -> dict[str, float]:
    """Milliseconds from an applied reward to the changed allocation on the last of three replicas, and the
    share of a core that all of it takes when nothing happens."""
    rng = random.Random(SEED + 1)
    publisher = await publisher_of(connections, rng, routers(rng, "THOMPSON"))
    rules = next(iter(publisher.rulebook.learning()))
    heard: asyncio.Queue[int] = asyncio.Queue()
    followers = [_follower(connections, rules.uid, heard, replica) for replica in range(REPLICAS)]
    notices = Notices(connections, lambda: publisher.ownership.owned, publisher.wake, rng)
    tasks = [
        asyncio.create_task(work()) for work in (publisher.run, notices.run, *(one.run for one in followers))
    ]
    await publisher.publish_changed()
    # The first announcement goes round before anything is timed.
    while not all(follower.snapshots.get(rules.uid) for follower in followers):
        await heard.get()
    began = time.process_time()
    await asyncio.sleep(IDLE_SECONDS)
    idle = (time.process_time() - began) / IDLE_SECONDS
    took = []
    for number in range(REWARDS):
        while not heard.empty():
            heard.get_nowait()
        id_ = ids.new_prediction_id(rules.partition, time.time(), rng)
        report = Report(id_, 0, f"arm-{number % ARMS}", 1_000_000, 1, id_)
        await publisher.standings.rewards.apply(
            [Claim(learner_of(rules), report, rules.window, rules.horizon)], time.time()
        )
        began = time.perf_counter()
        waiting = set(range(REPLICAS))
        while waiting:
            waiting.discard(await heard.get())
        took.append(time.perf_counter() - began)
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks)
    await publisher.ownership.drain()
    p50, p99 = np.quantile(took, [0.5, 0.99]) * 1000
    return {"p50_ms": round(p50, 1), "p99_ms": round(p99, 1), "idle_share_of_a_core": round(idle, 4)}


def _follower(
    connections: Connections, uid: str, heard: "asyncio.Queue[int]", replica: int
) -> LearnedFollower:
    def tell(_snapshot: RewardSnapshot) -> None:
        heard.put_nowait(replica)

    rng = random.Random(SEED + replica)
    return LearnedFollower(connections, wanted=lambda: [uid], on_change=tell, rng=rng)


async def measure(only: Sequence[str]) -> dict[str, object]:
    """Everything, each on a Redis of its own."""
    found: dict[str, object] = {}
    for algorithm in only:
        with tempfile.TemporaryDirectory() as folder:
            async with EmbeddedRedis(Path(folder)) as server, connect(server.url) as connections:
                found[algorithm.lower()] = await recomputed(connections, algorithm)
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedRedis(Path(folder)) as server, connect(server.url) as connections:
            found["reward_to_replicas"] = await reached(connections)
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algorithms", nargs="*", default=ALGORITHMS)
    found = asyncio.run(measure(parser.parse_args().algorithms))
    conditions = {
        "routers": ROUTERS_MEASURED,
        "arms": ARMS,
        "replicas": REPLICAS,
        "rewards": REWARDS,
        "gather_ms": GATHER_SECONDS * 1000,
        "cores": os.cpu_count(),
    }
    WRITTEN.parent.mkdir(exist_ok=True)
    WRITTEN.write_text(json.dumps({"conditions": conditions, "measured": found}, indent=1))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
