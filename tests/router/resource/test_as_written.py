"""Refusals name the fields that the caller wrote, also where the configuration has more of them."""

from typing import Any

import pytest
from turnout.router.v1.router_pb2 import Router

from tests.router.conftest import Desk, doctors
from tests.router.resource.asking import ask, fields_of, refusal, refused_update

RULES = [{"condition": "true", "model": "cancer-bayes"}, {"condition": "true", "model": "nobody"}]


@pytest.mark.parametrize(
    ("router", "field"),
    [
        ({"canary": {"baseline_model": "cancer-bayes", "canary_model": "nobody"}}, "canary.canary_model"),
        (
            {"canary": {"baseline_model": "models/nobody", "canary_model": "cancer-stump"}},
            "canary.baseline_model",
        ),
        (
            {"feature_based": {"rules": RULES, "default_model": "cancer-stump"}},
            "feature_based.rules[1].model",
        ),
        ({"feature_based": {"rules": RULES[:1], "default_model": "no one"}}, "feature_based.default_model"),
        ({"variants": [{"model": "cancer-bayes"}, {"model": "nobody"}]}, "variants[1].model"),
    ],
)
async def test_a_model_that_a_strategy_names_is_blamed_where_it_is_named(
    desk: Desk, router: dict[str, Any], field: str
) -> None:
    refused = await refusal(desk, "CreateRouter", router_id="churn", router=Router(**router))
    assert set(fields_of(refused)) == {f"router.{field}"}
    assert refused.message.startswith(f"router.{field}: ")


async def test_so_it_is_when_the_router_is_changed(desk: Desk) -> None:
    await desk.create("churn", doctors())
    given = Router(name="routers/churn", feature_based={"rules": RULES, "default_model": "cancer-bayes"})
    assert fields_of(await refused_update(desk, given)) == ["router.feature_based.rules[1].model"]


async def test_what_does_nothing_is_told_over_the_channel(desk: Desk) -> None:
    router = doctors(least_loaded={}, hedging={"enabled": True})
    router.variants[0].weight = 70
    made = await ask(desk, "CreateRouter", router_id="idle", router=router)
    assert [said.split()[:4] for said in made.warnings] == [
        ["The", "weights", "of", "cancer-bayes"],
        ["Hedging", "does", "nothing", "for"],
    ]
