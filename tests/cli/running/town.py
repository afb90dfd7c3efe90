"""A whole suite in this process, with Redis of its own, two doctors and the routers of the reference."""

import json
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import GetPredictionRequest

from services.cli.ports import FreePorts
from services.foundation.errors import RemoteError
from services.foundation.page import MetricsPage
from services.foundation.runtime import Runtime
from services.foundation.server import Server
from services.state.embedded import EmbeddedRedis
from tests.access.house import BUILDS
from tests.cli.terminal import Terminal
from tests.router.conftest import Desk
from tests.waiting import eventually

MODELS = ("cancer-bayes", "cancer-stump")
VARIANTS = [{"model": name, "weight": weight} for name, weight in zip(MODELS, (70, 30), strict=True)]
ROUTERS = {
    "cancer": Router(
        variants=VARIANTS,
        experiment={"primary_metric": "accuracy", "min_effect": 0.05},
        segments=[{"name": "region", "expression": "attributes['region']"}],
    ),
    "learner": Router(variants=VARIANTS, bandit={}),
    "jury": Router(variants=VARIANTS, ensemble={"aggregation": "AGGREGATION_METHOD_AVERAGE", "quorum": 2}),
    "trial": Router(
        variants=VARIANTS,
        canary={"baseline_model": MODELS[0], "canary_model": MODELS[1], "canary_percentage": 20},
    ),
}


class Town:
    """Where everything is. `stack` ends with it, and so does what a test puts there."""

    def __init__(self, folder: Path, redis: EmbeddedRedis, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.redis = redis
        self.stack = stack
        self.desk: Desk
        self.servers: dict[str, Server] = {}
        self.runtimes: dict[str, Runtime] = {}
        self.pages: dict[str, MetricsPage] = {}
        self.ports: dict[str, int] = {}

    async def start(self, service: str, **told: Any) -> None:
        """Start a service where the others expect it."""
        build, kind = BUILDS[service]
        places = {name: f"127.0.0.1:{port}" for name, port in self.ports.items() if name != service}
        own: Any = {name: place for name, place in places.items() if name in kind.model_fields}
        own["redis_url"] = self.redis.url
        spool: Any = {"spool_dir": str(self.folder / "spool")} if service == "router" else {}
        settings = kind(port=self.ports[service], **own, **spool, **told)
        runtime = Runtime(service, settings, rng=random.Random(3))
        server = Server(
            await build(settings, runtime),
            settings,
            telemetry=runtime.telemetry,
            metrics=runtime.metrics,
            access=runtime.access,
        )
        await server.start()
        runtime.address = server.address
        self.servers[service], self.runtimes[service] = server, runtime
        self.pages[service] = MetricsPage(runtime.metrics.registry, "127.0.0.1", 0)

    async def stop(self, service: str) -> None:
        """End it, as SIGTERM would."""
        self.pages.pop(service).close()
        await self.servers.pop(service).stop()
        await self.runtimes.pop(service).close()

    async def stop_all(self) -> None:
        for service in reversed(list(self.servers)):
            await self.stop(service)

    async def recorded(self, prediction: str) -> None:
        """Until a prediction has its record. Asked here: each command would cost a process."""

        async def known() -> bool:
            asked = GetPredictionRequest(prediction_id=prediction)
            try:
                await self.desk.call("RouterService/GetPrediction", asked)
            except RemoteError as not_yet:
                raise AssertionError(str(not_yet)) from not_yet
            return True

        await eventually(known)

    def terminal(self, directory: Path, **environment: str) -> Terminal:
        """A terminal whose ready file knows the town."""
        directory.mkdir(exist_ok=True)
        ready = directory.with_name(f"{directory.name}-ready.json")
        said = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        pages = {name: [page.url] for name, page in self.pages.items()}
        ready.write_text(json.dumps({**said, "redis": self.redis.url, "metrics": pages}))
        return Terminal(directory, {"TURNOUT_CLI_READY_FILE": str(ready), **environment})


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    """Services on their ports, models seated, routers deployed."""
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(EmbeddedRedis(folder / "redis"))
        made = Town(folder, redis, stack)
        # Of its whole path: towns of several workers, begun together, would try the same ports.
        free = FreePorts(random.Random(str(folder)))
        made.ports = {name: free.take() for name in BUILDS}
        stack.push_async_callback(made.stop_all)
        for service in ("router", "aggregator", "feedback", "drift"):
            await made.start(service)
        made.desk = Desk(made.servers["router"], made.runtimes["router"], stack)
        stack.push_async_callback(made.desk.close)
        await made.desk.seat(*MODELS)
        for name, router in ROUTERS.items():
            await made.desk.deploy(name, router)
        yield made
