"""An unmodified tritonclient 2.73 asks a router."""

import json
from typing import Any

import pytest

from examples.fleet.catalog import registration
from tests.clients.environments import PROGRAMS, environment, run
from tests.fleet import fleet_model
from tests.router.conftest import Desk, doctors

# An environment that is made first takes minutes.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
async def said(desk: Desk) -> dict[str, Any]:
    """What the client's program found."""
    python = await environment("tritonclient")
    async with fleet_model("cancer-bayes", "hang") as server:
        model = registration("cancer-bayes", server.address)
        model.name, model.served_name = "models/hanging", "cancer-bayes"
        await desk.register(model)
        hanging = doctors()
        for place, variant in enumerate(hanging.variants):
            variant.id, variant.model = f"hanging-{place}", "hanging"
        await desk.deploy("hanging", hanging)
        found: dict[str, Any] = json.loads(await run(python, PROGRAMS / "triton_client.py", desk.address))
    return found


async def test_an_unmodified_tritonclient_finds_its_way(said: dict[str, Any]) -> None:
    assert (said["live"], said["ready"], said["model_ready"]) == (True, True, True)
    assert said["server"]["name"] == "turnout"
    assert "turnout_manifest" in said["server"]["extensions"]
    assert said["model"]["platform"] == "turnout"
    assert said["model"]["inputs"] == [{"name": "input", "datatype": "FP64", "shape": ["-1", "2"]}]
    assert [one["name"] for one in said["model"]["outputs"]] == ["predict", "predict_proba"]
    assert {one["name"]: one["state"] for one in said["index"]["models"]} == dict.fromkeys(
        ("cancer", "failing", "hanging"), "READY"
    )
    # Inference: raw contents that as_numpy reads, the id, and what a router adds.
    assert said["id"] == "mine"
    assert said["predict"] in ([0], [1])
    assert sum(said["predict_proba"][0]) == pytest.approx(1.0)
    manifest = json.loads(said["parameters"]["turnout_manifest"])
    assert manifest["prediction_id"] == said["parameters"]["turnout_prediction_id"]
    assert said["parameters"]["turnout_degraded"] is False
    assert said["wanted"] == ["predict_proba"]
    assert said["wanted_proba"] == said["predict_proba"]
    assert "turnout_manifest" in said["headed"]
    # The stream: in order, with an error in its middle.
    first, second, third = said["stream"]
    assert (first["id"], third["id"]) == ("0", "2")
    assert "inputs[0].shape" in second["error"]
    # Errors: it shows no trailers, so the message has the id.
    assert "NOT_FOUND" in said["unknown"]["status"]
    assert "INVALID_ARGUMENT" in said["misfit"]["status"]
    assert "UNAVAILABLE" in said["failing"]["status"]
    assert "(prediction " in said["failing"]["message"]
    for name, instead in (("load", "DeployRouter"), ("unload", "StopRouter"), ("statistics", "GetMetrics")):
        assert "UNIMPLEMENTED" in said[name]["status"]
        assert instead in said[name]["message"]
    assert "GetRouter" in said["config"]["message"]
    assert "DEADLINE_EXCEEDED" in said["timeout"]["status"]
    assert "DEADLINE_EXCEEDED" in said["budget"]["status"]
    assert "(prediction " in said["budget"]["message"]
