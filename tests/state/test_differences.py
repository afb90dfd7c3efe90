"""Which fields differ, as paths."""

from turnout.router.v1.router_pb2 import ATTRIBUTE_TYPE_NUMBER, ATTRIBUTE_TYPE_TEXT, Router

from services.state.differences import MOST_PATHS, changed_fields


def canary(percentage: float) -> Router:
    return Router(canary={"baseline_model": "a", "canary_model": "b", "canary_percentage": percentage})


def test_leads_into_parts_that_both_have() -> None:
    assert changed_fields(canary(10), canary(20)) == ["canary.canary_percentage"]


def test_names_a_part_that_only_one_has_and_both_of_a_choice() -> None:
    assert changed_fields(canary(10), Router(weighted={})) == ["weighted", "canary"]
    assert changed_fields(Router(), Router(stickiness={})) == ["stickiness"]


def test_a_list_a_map_and_a_time_are_one_path_each() -> None:
    before = Router(
        variants=[{"id": "a"}], attributes={"x": ATTRIBUTE_TYPE_TEXT}, default_deadline={"seconds": 1}
    )
    after = Router(
        variants=[{"id": "a", "weight": 0}],
        attributes={"x": ATTRIBUTE_TYPE_NUMBER},
        default_deadline={"seconds": 2},
    )
    assert changed_fields(before, after) == ["variants", "default_deadline", "attributes"]


def test_absent_is_not_zero() -> None:
    assert changed_fields(Router(), Router(failure_reward=0)) == ["failure_reward"]


def test_what_every_write_sets_says_nothing() -> None:
    assert changed_fields(Router(), Router(etag="e", uid="u", generation=3, update_time={"seconds": 1})) == []


def test_what_is_new_names_what_it_has() -> None:
    assert changed_fields(None, Router(name="routers/churn", tags=["a"])) == ["name", "tags"]
    assert len(changed_fields(None, canary(1))) <= MOST_PATHS
