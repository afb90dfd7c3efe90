"""A real Prometheus on loopback, asked through its HTTP API."""

import asyncio
import json
import os
import random
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from services.cli.ports import FreePorts
from tests.observability.files import PROMETHEUS
from tests.waiting import eventually

needed = pytest.mark.skipif(
    shutil.which("promtool") is None and not os.environ.get("OBSERVABILITY_NEEDED"),
    reason="no Prometheus: make observability",
)


class Prometheus:
    """Asks one at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer. An error of the query is an AssertionError with its words."""
        target = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        said = await asyncio.to_thread(_read, target)
        assert said["status"] == "success", f"{parameters}: {said.get('error')}"
        return said["data"]

    async def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of an instant query."""
        result: list[dict[str, Any]] = (await self.ask("query", query=expr))["result"]
        return result


def _read(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=20) as reply:  # noqa: S310 (our own)
            return json.load(reply)
    except urllib.error.HTTPError as refused:
        with refused:
            if refused.code == HTTPStatus.SERVICE_UNAVAILABLE:
                # While it starts, and has no JSON to say so in.
                raise AssertionError("not ready") from None
            return json.load(refused)
    except OSError as gone:
        raise AssertionError(str(gone)) from None


@asynccontextmanager
async def watching(folder: Path, targets: list[dict[str, Any]]) -> AsyncIterator[Prometheus]:
    """One that scrapes `targets` every second and evaluates the rules as they stand."""
    (folder / "targets.json").write_text(json.dumps(targets))
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(PROMETHEUS / "alerts.yml")],
        "scrape_configs": [
            {"job_name": "turnout-processes", "file_sd_configs": [{"files": [str(folder / "targets.json")]}]}
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    port = FreePorts(random.Random()).take()
    with (folder / "prometheus.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    asked = Prometheus(f"http://127.0.0.1:{port}")
    try:
        await eventually(lambda: asked.query("vector(1)"), within=60)
        yield asked
    finally:
        process.terminate()
        await process.wait()
