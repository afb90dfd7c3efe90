"""docs/how-to/kubernetes.md: its settings are settings, its calls answer what it shows, and what its lines of
kubectl name is there."""

import asyncio
import re
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.deploy.cluster import Workload
from services.deploy.labels import labels, query
from services.deploy.manifests import manifests
from services.foundation.configuration import load
from services.router.pods.cluster import cluster_of, unfit
from services.router.settings import RouterSettings
from tests.deploy.api_server import KubeApi
from tests.deploy.cluster import own_cluster, well
from tests.deploy.conftest import Town, open_redis, open_town
from tests.stories.grpcurl import run
from tests.stories.reference import Example, examples
from tests.stories.test_reference import check
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/kubernetes.md"
TEXT = PAGE.read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
KUBECTL = [shlex.split(said) for _, said in BLOCKS if said.startswith("kubectl ")]


def told(folder: Path) -> dict[str, Any]:
    """The page's settings, as the router process reads them."""
    path = folder / "settings.yaml"
    path.write_text(next(said for kind, said in BLOCKS if kind == "yaml"))
    return load(RouterSettings, "router", path).model_dump(exclude_unset=True)


@pytest.fixture
async def town(redis_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """A process with the page's settings, on a cluster whose pods are always well."""
    settings = told(tmp_path)
    async with open_redis(redis_url), own_cluster(tmp_path, KubeApi(), settings["kube_namespace"]) as cluster:
        settings |= {"kube_config": str(cluster.config)}
        async with well(cluster), open_town(redis_url, tmp_path, cluster, **settings) as opened:
            yield opened


async def test_every_call_answers_what_is_shown(town: Town) -> None:
    for example in examples(PAGE):
        words = [word.replace("127.0.0.1:50051", town.desk.address) for word in example.words]

        async def right(example: Example = example, words: list[str] = words) -> bool:
            check(example, await run(example, words))
            return True

        await (eventually(right) if "/Get" in example.method or "/Start" in example.method else right())
    await town.left_with()


async def test_what_would_be_applied_is_what_is(town: Town, redis_url: str, tmp_path: Path) -> None:
    """The page's line, with the page's settings: the same objects, and none of them is made by it."""
    await town.create(replicas=3)
    line = next(said for _, said in BLOCKS if "-m services.router.pods" in said)
    words = [sys.executable, *shlex.split(line)[1:-2], "--config", str(tmp_path / "settings.yaml")]
    process = await asyncio.create_subprocess_exec(
        *words, cwd=ROOT, env={"TURNOUT_ROUTER_REDIS_URL": redis_url}, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    settings = RouterSettings(**told(tmp_path), redis_url=redis_url)
    router = await town.get()
    wanted = manifests(Workload("churn", router.uid, 3), cluster_of(settings))
    assert list(yaml.safe_load_all(out)) == wanted
    await town.left_with()


def test_its_settings_are_enough(tmp_path: Path) -> None:
    settings = RouterSettings(**told(tmp_path))
    assert settings.kube_config == "in-cluster"
    assert unfit(settings) == ""


def test_its_lines_of_kubectl_name_what_is_there(tmp_path: Path) -> None:
    """Namespace, Secret, labels and files are those of the settings, the manifests and the repository."""
    settings = RouterSettings(**told(tmp_path))
    cluster = cluster_of(settings)
    own = {"churn.yaml"}
    for words in KUBECTL:
        flags = dict(zip(words, [*words[1:], ""], strict=True))
        assert flags.get("--namespace", words[-1]) == cluster.namespace
        if "-f" in flags:
            assert flags["-f"] in own or (ROOT / flags["-f"]).exists()
        if "--selector" in flags:
            name, _, value = flags["--selector"].partition("=")
            assert labels(cluster, Workload("churn", "u"))[name] == value
        if words[1:4] == ["create", "secret", "generic"]:
            key = words[-1].removeprefix("--from-literal=").partition("=")[0]
            assert (words[4], key) == (cluster.redis.name, cluster.redis.key)
    assert {words[1] for words in KUBECTL} == {"create", "apply", "diff", "describe", "get"}
    assert query({"a": "b"}) == "a=b"
