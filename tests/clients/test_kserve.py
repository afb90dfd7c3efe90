"""An unmodified kserve 0.21 client asks a router."""

import json
from typing import Any

import pytest

from tests.clients.environments import PROGRAMS, environment, run
from tests.router.conftest import Desk

# An environment that is made first takes minutes.
pytestmark = pytest.mark.timeout(900)


async def test_an_unmodified_kserve_client_finds_its_way(desk: Desk) -> None:
    python = await environment("kserve")
    said: dict[str, Any] = json.loads(await run(python, PROGRAMS / "kserve_client.py", desk.address))
    assert (said["live"], said["ready"], said["model_ready"]) == (True, True, True)
    raw, typed = said["raw"], said["typed"]
    assert (raw["id"], raw["model"]) == ("mine", "cancer")
    assert raw["outputs"] == typed["outputs"]
    assert sum(raw["outputs"]["predict_proba"][0]) == pytest.approx(1.0)
    manifest = json.loads(raw["parameters"]["turnout_manifest"])
    assert manifest["prediction_id"] == raw["parameters"]["turnout_prediction_id"]
    assert said["headed"]["parameters"]["turnout_prediction_id"]
    assert said["unknown"]["status"] == "NOT_FOUND"
    assert said["misfit"]["status"] == "INVALID_ARGUMENT"
    assert "inputs[0].shape" in said["misfit"]["message"]


async def test_its_own_retries_are_pushed_back(desk: Desk) -> None:
    """It repeats every UNAVAILABLE twice by itself; a failed prediction that came three times would be paid
    for three times."""
    python = await environment("kserve")
    said: dict[str, Any] = json.loads(await run(python, PROGRAMS / "kserve_client.py", desk.address))
    failing = said["failing"]
    assert failing["status"] == "UNAVAILABLE"
    assert failing["trailers"]["grpc-retry-pushback-ms"] == "-1"
    assert failing["trailers"]["turnout-prediction-id"] in failing["message"]
    assert desk.servers["cancer-stump"].calls == 1
