"""Advice over a channel: whoever writes a router is told, and it is written all the same."""

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
