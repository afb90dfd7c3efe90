"""A real MLflow server with SQLite: what is registered there becomes models and aliases here."""

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from turnout.router.v1.model_pb2 import PROTOCOL_OIP_GRPC, Model
from turnout.router.v1.model_service_pb2 import ImportModelsRequest
from turnout.router.v1.router_pb2 import Router

from services.cli.ports import FreePorts
from tests.clients.environments import environment
from tests.router.conftest import Desk
from tests.router.resource.asking import fields_of, read, refusal
from tests.waiting import eventually

# An environment that is made first takes minutes.
pytestmark = pytest.mark.timeout(900)
SOURCE = "s3://nobody/churn/artifacts/model"
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


class Registry:
    """The REST API of a server, as anybody would call it."""

    def __init__(self, host: str, session: aiohttp.ClientSession) -> None:
        self.host = host
        self._session = session

    async def post(self, method: str, **body: Any) -> dict[str, Any]:
        """Raises for what is not OK."""
        url = f"http://{self.host}/api/2.0/mlflow/{method}"
        async with self._session.post(url, json=body) as reply:
            assert reply.status == 200, await reply.text()
            return dict(await reply.json())

    async def version(self, name: str, run: str = "", **tags: str) -> str:
        """Register one more version."""
        told = [{"key": key.replace("_", "."), "value": value} for key, value in tags.items()]
        body = {"name": name, "source": SOURCE, "tags": told} | ({"run_id": run} if run else {})
        return str((await self.post("model-versions/create", **body))["model_version"]["version"])

    async def alias(self, name: str, alias: str, version: str) -> None:
        """Give an alias; whoever had it loses it."""
        await self.post("registered-models/alias", name=name, alias=alias, version=version)


@pytest.fixture(scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Registry]:
    """`mlflow server`, which takes long to start: one for all, so each test asks for names of its own."""
    python, tmp_path = await environment("mlflow"), tmp_path_factory.mktemp("mlflow")
    host = f"127.0.0.1:{(port := FreePorts(random.Random()).take())}"
    command = [str(python.parent / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db"]
    command += ["--artifacts-destination", str(tmp_path / "artifacts")]
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    with (tmp_path / "mlflow.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, env={**os.environ, **QUIET, "PATH": path}, stdout=log, stderr=log
        )
        async with aiohttp.ClientSession() as session:

            async def ready() -> bool:
                assert process.returncode is None, (tmp_path / "mlflow.log").read_text()
                try:
                    async with session.get(f"http://{host}/health") as reply:
                        return reply.status == 200
                except aiohttp.ClientError:
                    return False

            try:
                await eventually(ready, within=600)
                yield Registry(host, session)
            finally:
                process.terminate()
                await process.wait()


def template(desk: Desk) -> Model:
    """What bayes' server is spoken to like: every version is served by it."""
    made = Model(protocol=PROTOCOL_OIP_GRPC, served_name="cancer-bayes")
    made.endpoints.add(address=desk.servers["cancer-bayes"].address)
    made.timeout.FromSeconds(10)
    made.signature.layout.input_name = "input"
    made.signature.outputs.probabilities = "probabilities"
    made.signature.outputs.class_order.extend(["benign", "malignant"])
    return made


async def bring(desk: Desk, registry: Registry, prefix: str, **how: Any) -> Any:
    how |= {"registry_uri": f"mlflow+http://{registry.host}", "template": template(desk), "prefix": prefix}
    # Patient: other people's servers take their time, and the machine may be busy.
    return await desk.call("ModelService/ImportModels", ImportModelsRequest(**how), within=120.0)


async def test_a_champion_that_moves_in_mlflow_moves_the_router(desk: Desk, registry: Registry) -> None:
    columns = [{"type": "double", "name": name} for name in ("mean radius", "mean texture")]
    run = (await registry.post("runs/create", experiment_id="0"))["run"]["info"]["run_id"]
    logged = [{"artifact_path": "model", "signature": {"inputs": json.dumps(columns), "outputs": None}}]
    # As clients of MLflow 2 do when they log a model.
    await registry.post("runs/set-tag", run_id=run, key="mlflow.log-model.history", value=json.dumps(logged))
    await registry.post("registered-models/create", name="Churn Model")
    for _ in range(3):
        await registry.version("Churn Model", run, turnout_family="bayes")
    await registry.alias("Churn Model", "champion", "1")
    await registry.alias("Churn Model", "challenger", "2")
    told = await bring(desk, registry, "Churn")
    assert list(told.created) == ["models/churn-model-v2", "models/churn-model-v1"]
    assert list(told.skipped) == list(told.warnings) == []
    assert [[feature.name for feature in one.signature.features] for one in told.models] == [
        ["mean radius", "mean texture"]
    ] * 2
    assert {one.family for one in told.models} == {"bayes"}
    assert [list(one.aliases) for one in told.models] == [
        ["churn-model@challenger"],
        ["churn-model@champion"],
    ]
    again = await bring(desk, registry, "Churn")
    assert [*again.created, *again.updated, *again.skipped] == []
    router = Router(variants=[{"model": "churn-model@champion"}, {"model": "cancer-bayes"}])
    made = await desk.create("churn", router)
    assert made.variants[0].resolved_model == "models/churn-model-v1"
    await registry.alias("Churn Model", "champion", "3")
    told = await bring(desk, registry, "Churn")
    assert list(told.created) == ["models/churn-model-v3"]
    after = await read(desk, "churn")
    assert after.generation == made.generation + 1
    assert after.variants[0].resolved_model == "models/churn-model-v3"


async def test_all_pages_of_a_real_server_are_read(desk: Desk, registry: Registry) -> None:
    for number in range(120):
        await registry.post("registered-models/create", name=f"many-{number:03}")
    await registry.post("registered-models/create", name="it's one")
    for name in ("many-000", "many-119", "it's one"):
        await registry.version(name, turnout_endpoint="127.0.0.1:9")
    for _ in range(104):
        await registry.version("many-050")
    told = await bring(desk, registry, "it's", versions="IMPORT_VERSIONS_ALL")
    assert list(told.created) == ["models/it-s-one-v1"]
    told = await bring(desk, registry, "many", versions="IMPORT_VERSIONS_ALL")
    assert len(told.created) == 106
    assert all("no run is named" in one for one in told.warnings)
    told = await bring(desk, registry, "many-0", versions="IMPORT_VERSIONS_LATEST", validate_only=True)
    assert [one.name for one in told.models] == ["models/many-000-v1", "models/many-050-v104"]


async def test_what_a_real_server_refuses_is_told(desk: Desk, registry: Registry) -> None:
    error = await refusal(
        desk,
        "ModelService/ImportModels",
        registry_uri=f"mlflow+http://{registry.host}/elsewhere",
        template=template(desk),
    )
    assert (error.reason, fields_of(error)) == ("REGISTRY_UNUSABLE", ["registry_uri"])
