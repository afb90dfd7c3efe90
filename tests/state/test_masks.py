"""Update masks as a function: what is written, and that the rest stays, over many masks."""

import hypothesis.strategies as st
from hypothesis import given
from turnout.router.v1.router_pb2 import ATTRIBUTE_TYPE_NUMBER, ATTRIBUTE_TYPE_TEXT, Router

from services.state.differences import changed_fields
from services.state.masks import populated, update

STORED = Router(
    name="routers/r",
    description="old",
    tags=["old"],
    canary={"baseline_model": "a", "canary_model": "b", "canary_percentage": 10},
    stickiness={"enabled": True, "salt": "old"},
    attributes={"old": ATTRIBUTE_TYPE_TEXT},
    failure_reward=0.5,
)
GIVEN = Router(
    name="routers/r",
    description="new",
    tags=["new", "newer"],
    canary={"baseline_model": "c", "canary_percentage": 0},
    stickiness={"salt": "new"},
    attributes={"new": ATTRIBUTE_TYPE_NUMBER},
)
PATHS = (
    *("description", "tags", "attributes", "failure_reward", "canary", "stickiness"),
    *("canary.baseline_model", "canary.canary_model", "canary.canary_percentage"),
    *("stickiness.enabled", "stickiness.salt", "mirror.percentage", "limits"),
)


def changed(paths: list[str], source: Router = GIVEN) -> Router:
    made = Router()
    made.CopyFrom(STORED)
    update(made, source, paths, {}, root="router")
    return made


@given(st.lists(st.sampled_from(PATHS), min_size=1, unique=True))
def test_only_what_is_named_changes_and_twice_is_as_once(paths: list[str]) -> None:
    made = changed(paths)
    for path in changed_fields(STORED, made):
        assert any(path == one or path.startswith(f"{one}.") or one.startswith(f"{path}.") for one in paths)
    again = Router()
    again.CopyFrom(made)
    update(again, GIVEN, paths, {}, root="router")
    assert again == made


@given(st.lists(st.sampled_from(PATHS), min_size=1, unique=True))
def test_the_order_of_paths_says_nothing(paths: list[str]) -> None:
    assert changed(paths) == changed(paths[::-1])


def test_a_path_that_is_not_set_is_cleared_and_zero_is_set() -> None:
    assert not changed(["failure_reward"]).HasField("failure_reward")
    assert changed(["canary.canary_percentage"]).canary.HasField("canary_percentage")
    assert changed(["canary.canary_model"]).canary.canary_model == ""
    assert not changed(["canary.canary_model"], Router(name="routers/r")).canary.canary_model
    assert not changed(["stickiness.enabled"]).stickiness.enabled


def test_clearing_in_a_part_that_nobody_has_makes_none() -> None:
    assert not changed(["mirror.percentage"]).HasField("mirror")


def test_what_is_populated_leads_into_parts() -> None:
    assert list(populated(GIVEN)) == [
        *("name", "description", "tags", "canary.baseline_model", "canary.canary_percentage"),
        *("stickiness.salt", "attributes"),
    ]
    assert list(populated(Router(weighted={}))) == ["weighted"]
