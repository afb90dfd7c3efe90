"""A cluster as tests move it: what its controllers and kubelets write, written through its API server."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import web

from services.deploy.errors import ApiError, Missing, Trouble
from services.deploy.kinds import KINDS
from services.deploy.server import MERGE, ApiServer, Object, connect
from tests.deploy.api_server import PLAYED, KubeApi
from tests.waiting import eventually

DEPLOYMENT = KINDS["Deployment"]


class Cluster:
    """Some API server, and a namespace of it. `api`: our own server, None for a real one."""

    def __init__(self, server: ApiServer, namespace: str, config: Path, api: KubeApi | None) -> None:
        self.server = server
        self.namespace = namespace
        self.config = config
        self.api = api

    async def deployment(self, name: str) -> Object:
        """The Deployment, once it is there."""
        found = await eventually(lambda: self.server.read(DEPLOYMENT, self.namespace, name))
        assert found
        return found

    async def kinds_of(self, name: str) -> set[str]:
        """Which objects of that name there are."""
        found = {kind.name: await self._read(kind.name, name) for kind in KINDS.values()}
        return {kind for kind, one in found.items() if one is not None}

    async def _read(self, kind: str, name: str) -> Object | None:
        try:
            return await self.server.read(KINDS[kind], self.namespace, name)
        except Missing:
            return None

    async def scaled(self, name: str, replicas: int) -> Object:
        """The Deployment, once it has so many replicas."""

        async def so_many() -> Object | None:
            found = await self.deployment(name)
            return found if found["spec"].get("replicas") == replicas else None

        found = await eventually(so_many)
        assert found
        return found

    async def report(
        self, name: str, *, ready: int | None = None, **conditions: tuple[str, str, str]
    ) -> None:
        """The Deployment controller has looked: so many pods are ready, or all; conditions as (status,
        reason, message)."""
        found = await self.deployment(name)
        ready = found["spec"]["replicas"] if ready is None else ready
        told = [
            {"type": kind, "status": status, "reason": reason, "message": message}
            for kind, (status, reason, message) in conditions.items()
        ]
        status: dict[str, Any] = {
            "observedGeneration": found["metadata"]["generation"],
            "replicas": found["spec"]["replicas"],
            "updatedReplicas": found["spec"]["replicas"],
            "readyReplicas": ready,
            "availableReplicas": ready,
            "conditions": told,
        }
        await self.patch("Deployment", f"{name}/status", {"status": status})

    async def roll_out(self, name: str, replicas: int = 2) -> None:
        """All pods of the Deployment are well."""
        await self.scaled(name, replicas)
        await self.report(name, ready=replicas)

    async def pod(self, deployment: str, suffix: str, status: Object) -> None:
        """A pod of the Deployment's template, in some state."""
        template = (await self.deployment(deployment))["spec"]["template"]
        made = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"{deployment}-{suffix}", "labels": template["metadata"]["labels"]},
            "spec": template["spec"],
        }
        await self.make(made)
        await self.patch("Pod", f"{deployment}-{suffix}/status", {"status": status})

    async def make(self, made: Object) -> None:
        """An object that somebody else makes."""
        await self.server._ask("POST", KINDS[made["kind"]].path(self.namespace), body=made)

    async def patch(self, kind: str, name: str, change: Object) -> None:
        """A change by somebody else."""
        await self.server._ask("PATCH", KINDS[kind].path(self.namespace, name), body=change, media=MERGE)


def kubeconfig(folder: Path, url: str) -> Path:
    """A file that leads to an API server without credentials."""
    told = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "own", "cluster": {"server": url}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "own", "context": {"cluster": "own", "user": "nobody"}}],
        "current-context": "own",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(told))
    return path


@asynccontextmanager
async def own_cluster(folder: Path, api: KubeApi, namespace: str = "ml") -> AsyncIterator[Cluster]:
    """Our own server, on a free port."""
    runner = web.AppRunner(api.application(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    config = await asyncio.to_thread(kubeconfig, folder, f"http://127.0.0.1:{port}")
    server = await connect(str(config))
    server._client.set_default_header(PLAYED, "yes")
    try:
        yield Cluster(server, namespace, config, api)
    finally:
        await server.close()
        await api.disconnect()
        await runner.cleanup()


@asynccontextmanager
async def real_cluster(config: Path) -> AsyncIterator[Cluster]:
    """A real API server, with a namespace of its own for the test."""
    server = await connect(str(config))
    namespace = f"turnout-{uuid.uuid4().hex[:8]}"
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    await server._ask("POST", "/api/v1/namespaces", body=made)
    # Pods want one; where no controllers run, nobody else makes it.
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    with suppress(Trouble):
        await server._ask("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", body=account)
    try:
        yield Cluster(server, namespace, config, None)
    finally:
        await server._ask("DELETE", f"/api/v1/namespaces/{namespace}")
        await server.close()


@asynccontextmanager
async def well(cluster: Cluster) -> AsyncIterator[None]:
    """While this is open, all pods of the cluster become ready as soon as they are wanted."""

    async def tend() -> None:
        while True:
            found, _ = await cluster.server.list(DEPLOYMENT, cluster.namespace, "")
            for one in found:
                seen = one.get("status", {}).get("observedGeneration")
                if seen != one["metadata"]["generation"]:
                    with suppress(ApiError):
                        await cluster.report(one["metadata"]["name"])
            await asyncio.sleep(0.05)

    tending = asyncio.create_task(tend())
    try:
        yield
    finally:
        tending.cancel()
