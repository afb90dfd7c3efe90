"""What the metrics pages of a running suite say of its routers, its models and its Redis."""

import asyncio
from collections.abc import Iterable, Mapping
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from examples.demo.rows import Supply
from tests.stories.asking import deployed, predict, router, tell
from tests.stories.suite import Suite
from tests.waiting import eventually

NAME = "routers/pages-bandit"
MODELS = ("digits-bottom", "digits-right")
PREDICTIONS = 12

Labels = frozenset[tuple[str, str]]


def read(pages: Iterable[str]) -> dict[str, dict[Labels, float]]:
    """Every sample of these pages, summed over pages, by name and labels."""
    found: dict[str, dict[Labels, float]] = {}
    for page in pages:
        with urlopen(page, timeout=10) as reply:  # noqa: S310 (the suite's own)
            text = reply.read().decode()
        for family in text_string_to_metric_families(text):
            for one in family.samples:
                values = found.setdefault(one.name, {})
                labels = frozenset(one.labels.items())
                values[labels] = values.get(labels, 0.0) + one.value
    return found


def of(samples: Mapping[Labels, float], **wanted: str) -> list[float]:
    """Those with these labels."""
    return [value for labels, value in samples.items() if wanted.items() <= dict(labels).items()]


async def test_pages_say_what_routers_serve_what_they_learnt_and_what_they_cost(suite: Suite) -> None:
    client, feedback = suite.client("router"), suite.client("feedback")
    running = await deployed(client, router(NAME.partition("/")[2], *MODELS, bandit={}))
    supply, cost = Supply("digits", 40), 0.0
    for _ in range(PREDICTIONS):
        reply = await predict(client, NAME, supply.take())
        cost += reply.manifest.total_cost.amount
        await tell(feedback, reply.prediction_id, reply.output.classification.label)
    pages = suite.ready["metrics"]["router"]

    async def told() -> bool:
        found = await asyncio.to_thread(read, pages)
        # Summed over two workers.
        assert of(found["turnout_router_generation"], router=NAME) == [2 * running.generation]
        assert of(found["turnout_router_models_enabled"], router=NAME) == [2 * len(MODELS)]
        assert of(found["turnout_router_models_out"], router=NAME) == [0]
        assert of(found["turnout_router_unloaded"], router=NAME) == [0]
        assert abs(sum(of(found["turnout_allocation_share"], router=NAME)) - 2) < 1e-9
        assert sum(of(found["turnout_arm_pulls"], router=NAME)) == 2 * PREDICTIONS
        assert sum(of(found["turnout_arm_rewards"], router=NAME)) == 2 * PREDICTIONS
        assert of(found["turnout_redis_up"]) == [2]
        assert of(found["turnout_redis_memory_bytes"], kind="used")[0] > 0
        (priced,) = of(found["turnout_cost_total"], router=NAME, currency="USD")
        assert abs(priced - cost) < 1e-9 < cost
        assert max(of(found["turnout_stale_seconds"], state="catalog")) < 60
        (computed,) = of(found["turnout_allocation_compute_timestamp_seconds"], router=NAME)
        return computed > 0

    await eventually(told, within=30)


async def test_every_process_says_whether_its_redis_answers(suite: Suite) -> None:
    for service in ("aggregator", "feedback", "drift"):
        found = await asyncio.to_thread(read, suite.ready["metrics"][service])
        assert of(found["turnout_redis_up"]) == [1], service
