"""Names that nobody has: every method says so, by the field that named them, and leaves nothing behind."""

from typing import Any

import pytest

from tests.router.bad_input.conftest import Office, Told
from tests.router.conftest import doctors

ROUTER: dict[str, dict[str, Any]] = {
    "GetRouter": {},
    "DeployRouter": {},
    "StartRouter": {},
    "StopRouter": {},
    "DeleteRouter": {},
    "UndeleteRouter": {},
    "UpdateVariantWeight": {"variant": "cancer-bayes", "weight": 1.0},
    "SetWeights": {"weights": {"cancer-bayes": 1.0}},
    "ToggleVariant": {"variant": "cancer-bayes", "enabled": True},
}


@pytest.mark.parametrize(("method", "fields"), ROUTER.items(), ids=ROUTER)
async def test_an_unknown_router_is_not_found(office: Office, method: str, fields: dict[str, Any]) -> None:
    await office.desk.create("cancer", doctors())
    told = await office.refuse(f"RouterService/{method}", name="nobody", **fields)
    assert told == Told("NOT_FOUND", "ROUTER_NOT_FOUND", ["name"], "there is no routers/nobody")


async def test_the_predictions_of_an_unknown_router_are_not_found(office: Office) -> None:
    told = await office.refuse("RouterService/ListPredictions", router="nobody")
    assert told == Told("NOT_FOUND", "ROUTER_NOT_FOUND", ["router"], "there is no routers/nobody")


@pytest.mark.parametrize("method", ["GetModel", "DeleteModel", "ProbeModel"])
async def test_an_unknown_model_is_not_found(office: Office, method: str) -> None:
    told = await office.refuse(f"ModelService/{method}", name="nobody")
    assert told == Told("NOT_FOUND", "MODEL_NOT_FOUND", ["name"], "there is no models/nobody")
    listed = (await office.manage("ModelService/ListModels")).models
    assert [one.name for one in listed] == ["models/cancer-bayes", "models/cancer-stump"]


@pytest.mark.parametrize(
    ("method", "fields", "blamed"),
    [
        ("UpdateVariantWeight", {"variant": "nobody", "weight": 1.0}, "variant"),
        ("SetWeights", {"weights": {"cancer-bayes": 9.0, "nobody": 1.0}}, "weights['nobody']"),
        ("ToggleVariant", {"variant": "nobody", "enabled": False}, "variant"),
    ],
)
async def test_an_unknown_variant_is_not_found_and_the_known_ones_stay(
    office: Office, method: str, fields: dict[str, Any], blamed: str
) -> None:
    before = await office.desk.create("cancer", doctors())
    told = await office.refuse(f"RouterService/{method}", name="cancer", **fields)
    said = "routers/cancer has no variant 'nobody'; it has cancer-bayes, cancer-stump"
    assert told == Told("NOT_FOUND", "VARIANT_NOT_FOUND", [blamed], said)
    assert (await office.manage("RouterService/GetRouter", name="cancer")).router == before
