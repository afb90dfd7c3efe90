"""A cluster per file: our own API server, or the real one of TEST_KUBECONFIG or KUBECONFIG."""

import hashlib
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router, RouterState

from examples.fleet.catalog import registration
from services.state.connection import Connections, connect
from tests.deploy.api_server import KubeApi
from tests.deploy.cluster import Cluster, own_cluster, real_cluster
from tests.keys_left import check_keys
from tests.router.conftest import Desk, running_router
from tests.waiting import eventually

ROLE = Path(__file__).parents[2] / "deploy/kubernetes/rbac.yaml"
REAL = os.environ.get("TEST_KUBECONFIG") or os.environ.get("KUBECONFIG")
OBJECTS = {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"}
DOCTORS = ("cancer-bayes", "cancer-stump")
IMAGE = "registry.example/turnout:1"


def allowed() -> Iterator[tuple[str, str, str]]:
    """What the Role that we publish allows: group, resource, verb."""
    role = next(one for one in yaml.safe_load_all(ROLE.read_text()) if one["kind"] == "Role")
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield from ((group, resource, verb) for verb in rule["verbs"])


class Town:
    """A router process that deploys to a cluster, and what a user sees of a router there. `pods`: the name of
    all its objects."""

    def __init__(self, desk: Desk, cluster: Cluster, name: str = "churn") -> None:
        self.desk = desk
        self.cluster = cluster
        self.name = name
        self.pods = f"turnout-{name}"

    def on(self, name: str) -> "Town":
        """The same, of another router."""
        return Town(self.desk, self.cluster, name)

    async def call(self, method: str, **fields: Any) -> Any:
        """A method of RouterService on the router."""
        return await self.desk.call(f"RouterService/{method}", getattr(rpc, f"{method}Request")(**fields))

    async def create(self, **deployment: Any) -> Router:
        """A router over two models that nobody calls, to run in pods."""
        variants = [{"model": "cancer-bayes"}, {"model": "cancer-stump"}]
        wanted = Router(variants=variants, deployment={"target": "kubernetes", **deployment})
        return await self.desk.create(self.name, wanted)

    async def deploy(self, wait: int = 0) -> Router:
        """Ask for it to be deployed."""
        reply = await self.call("DeployRouter", name=self.name, wait={"seconds": wait})
        return reply.router  # type: ignore[no-any-return]

    async def run(self) -> Router:
        """Created, deployed, and running in its pods."""
        await self.create()
        await self.deploy()
        await self.cluster.roll_out(self.pods)
        return await self.until("RUNNING", "")

    async def get(self) -> Router:
        """The router as it is stored."""
        return (await self.call("GetRouter", name=self.name)).router  # type: ignore[no-any-return]

    async def until(self, state: str, said: str | None = None, within: float = 10.0) -> Router:
        """The router, once it is in a state, and has this to say: nothing at all, or something with it."""

        async def there() -> Router:
            router = await self.get()
            now = RouterState.Name(router.state).removeprefix("ROUTER_STATE_")
            assert now == state, f"{now}: {router.state_message}"
            assert said is None or (said in router.state_message and bool(said) == bool(router.state_message))
            return router

        return await eventually(there, within=within)

    async def left_with(self, *kinds: str) -> None:
        """Wait until there are these objects of it, and no others."""

        async def so() -> bool:
            return await self.cluster.kinds_of(self.pods) == set(kinds)

        await eventually(so)


@pytest.fixture(scope="module")
async def api() -> KubeApi:
    """Our own server, which allows what the Role does; for tests of answers that go wrong."""
    made = KubeApi()
    made.rules = set(allowed())
    return made


@pytest.fixture(scope="module")
async def cluster(api: KubeApi, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A real cluster where there is one, else our own."""
    folder = tmp_path_factory.mktemp("cluster")
    async with real_cluster(Path(REAL)) if REAL else own_cluster(folder, api) as opened:
        yield opened


@pytest.fixture(scope="module")
async def own(api: KubeApi, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """Our own cluster, wherever tests run: one that can be told to go wrong."""
    async with own_cluster(tmp_path_factory.mktemp("own"), api) as opened:
        yield opened


@asynccontextmanager
async def open_town(
    redis_url: str, folder: Path, cluster: Cluster, models: Iterable[str] = DOCTORS, **told: Any
) -> AsyncIterator[Town]:
    """A router process on a cluster, which registers models that nobody will call."""
    told = {
        "kube_config": str(cluster.config),
        "kube_namespace": cluster.namespace,
        "kube_image": IMAGE,
        "expose": True,
    } | told
    async with running_router(redis_url, folder, **told) as desk:
        for name in models:
            await desk.register(registration(name, "127.0.0.1:1"))
        yield Town(desk, cluster)


@asynccontextmanager
async def open_redis(redis_url: str) -> AsyncIterator[Connections]:
    """An empty Redis, whose keys are checked at the end."""
    async with connect(redis_url, hot_seconds=1.0) as opened:
        await opened.steady.flushdb()
        yield opened
        await check_keys(opened.steady)
        await opened.steady.flushdb()


@pytest.fixture(scope="module")
async def town(
    redis_url: str, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    """One process for all tests of a file, which have a router each."""
    async with (
        open_redis(redis_url),
        open_town(redis_url, tmp_path_factory.mktemp("town"), cluster) as opened,
    ):
        yield opened


@pytest.fixture
def churn(town: Town, request: pytest.FixtureRequest) -> Town:
    """A router of the test's own."""
    digest = hashlib.blake2b(request.node.nodeid.encode(), digest_size=4).hexdigest()
    return town.on(f"churn-{digest}")
