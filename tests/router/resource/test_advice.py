"""Advice over a channel: whoever writes a router is told, and it is written all the same."""

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.strategy_pb2 import AGGREGATION_METHOD_VOTE

from examples.fleet.catalog import registration
from tests.router.conftest import Desk, doctors
from tests.router.resource.asking import ask, read


async def kin(desk: Desk) -> None:
    """Three models of one family."""
    for name in "xyz":
        model = registration("cancer-bayes", desk.servers["cancer-bayes"].address)
        model.name, model.served_name, model.family = f"models/{name}", "cancer-bayes", "naive-bayes"
        await desk.register(model)


def jury() -> Router:
    made = Router(variants=[{"model": name} for name in "xyz"])
    made.ensemble.aggregation = AGGREGATION_METHOD_VOTE
    made.ensemble.quorum = 3
    return made


async def test_whoever_creates_an_ensemble_hears_of_its_weaknesses(desk: Desk) -> None:
    await kin(desk)
    made = await ask(desk, "CreateRouter", router_id="jury", router=jury())
    assert len(made.warnings) == 2
    assert any("homogeneous: all 3 members are of one family, naive-bayes" in said for said in made.warnings)
    assert any("needs all of its 3 members" in said for said in made.warnings)
    assert (await read(desk, "jury")).ensemble.quorum == 3
    tried = await ask(desk, "CreateRouter", router_id="other", router=jury(), validate_only=True)
    assert list(tried.warnings) == list(made.warnings)


async def test_whoever_changes_it_hears_what_is_left_of_them(desk: Desk) -> None:
    await kin(desk)
    stored = (await ask(desk, "CreateRouter", router_id="jury", router=jury())).router
    stored.ensemble.quorum = 2
    changed = await ask(desk, "UpdateRouter", router=stored, update_mask=FieldMask(paths=["ensemble.quorum"]))
    (warning,) = changed.warnings
    assert "homogeneous" in warning


async def test_the_specifications_body_is_advised_alike(desk: Desk) -> None:
    await kin(desk)
    made = await ask(
        desk,
        "EnsembleService/CreateEnsemble",
        name="heavy",
        models=[
            {"model_id": "x", "weight": 9},
            {"model_id": "y", "weight": 1},
            {"model_id": "z", "weight": 1},
        ],
        aggregation="vote",
    )
    assert any("kitchen sink: x has weight 9, the others together 2" in said for said in made.warnings)


async def test_who_needs_no_advice_gets_none(desk: Desk) -> None:
    made = await ask(desk, "CreateRouter", router_id="plain", router=doctors(weighted={}))
    assert not made.warnings


async def test_whoever_adds_a_variant_hears_what_creating_it_so_would_have_said(desk: Desk) -> None:
    await kin(desk)
    made = Router(variants=[{"model": "x"}, {"model": "y"}])
    made.ensemble.aggregation = AGGREGATION_METHOD_VOTE
    await desk.create("jury", made)
    third = {"model": "z", "weight": 9}
    tried = await ask(desk, "AddVariant", name="jury", variant=third, validate_only=True)
    added = await ask(desk, "AddVariant", name="jury", variant=third)
    assert any("homogeneous: all 3 members are of one family" in said for said in added.warnings)
    assert any("kitchen sink: z has weight 9" in said for said in added.warnings)
    assert list(tried.warnings) == list(added.warnings)


UNSHARED: list[tuple[dict[str, Any], str]] = [
    ({"feature_based": {"rules": [{"condition": "true", "model": "cancer-stump"}]}}, "chooses by its rules"),
    ({"shadow": {"primary": "cancer-bayes"}}, "chooses by its primary"),
    (
        {"complexity": {"small": "cancer-bayes", "large": "cancer-stump"}},
        "chooses by what a request asks for",
    ),
    ({"ensemble": {"quorum": 1}}, "asks all of its members"),
]


@pytest.mark.parametrize(("strategy", "how"), UNSHARED)
async def test_what_changes_shares_is_told_to_do_nothing_where_there_are_none(
    desk: Desk, strategy: dict[str, Any], how: str
) -> None:
    given = doctors(**strategy, stickiness={"enabled": True}, ramp={"duration": timedelta(minutes=1)})
    if given.HasField("feature_based"):
        given.feature_based.default_model = "cancer-bayes"
    if given.HasField("complexity"):
        given.bounds.floor = 0.1
    (name,) = strategy
    options = ["stickiness", "ramp"] + ["bounds"] * given.HasField("bounds")
    made = await ask(desk, "CreateRouter", router_id="idle", router=given, validate_only=True)
    told = [one for one in made.warnings if "option" in one]
    assert told == [f"The option {one} does nothing: {name} {how}." for one in options]
    # A policy may lead to shares.
    given.policies.add(name="some", condition="true", strategy={"random": {}})
    made = await ask(desk, "CreateRouter", router_id="idle", router=given, validate_only=True)
    assert not any("The option" in one for one in made.warnings)


async def test_a_mirror_of_nothing_is_told(desk: Desk) -> None:
    given = doctors(shadow={"primary": "cancer-bayes"}, mirror={"percentage": 0})
    made = await ask(desk, "CreateRouter", router_id="idle", router=given, validate_only=True)
    assert list(made.warnings) == ["Nothing is copied: mirror.percentage is 0."]
