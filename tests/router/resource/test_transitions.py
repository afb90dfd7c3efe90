"""TransitionCanary over a channel: each move, what it refuses, and that it happens once."""

from typing import Any

import pytest
from turnout.router.v1 import canary_pb2 as wire
from turnout.router.v1.router_pb2 import Router

from tests.router.conftest import Desk
from tests.router.resource.asking import ask, fields_of, read, refusal, update

CANARY = {"baseline_model": "cancer-bayes", "canary_model": "cancer-stump"}
STEPS = [{"percentage": 10}, {"percentage": 50}]


async def trial(desk: Desk, **rules: Any) -> Router:
    return await desk.create("trial", Router(canary={**CANARY, "steps": STEPS, **rules}))


async def move(desk: Desk, kind: str, id_: str = "", **more: Any) -> Router:
    told = {"transition_id": id_ or f"{kind}-1", "move": f"CANARY_MOVE_{kind}", "name": "trial", **more}
    return (await ask(desk, "TransitionCanary", **told)).router  # type: ignore[no-any-return]


async def refused(desk: Desk, kind: str, **more: Any) -> Any:
    told = {"transition_id": f"{kind}-1", "move": f"CANARY_MOVE_{kind}", "name": "trial", **more}
    return await refusal(desk, "TransitionCanary", **told)


def state(router: Router) -> str:
    return wire.CanaryState.Name(router.canary.trial.state).removeprefix("CANARY_STATE_")


def told(router: Router) -> list[str]:
    moves = (one.move for one in router.canary.trial.transitions)
    return [wire.CanaryMove.Name(one).removeprefix("CANARY_MOVE_") for one in moves]


async def test_a_step_sets_the_percentage_and_begins_a_stage(desk: Desk) -> None:
    before = await trial(desk)
    after = await move(desk, "STEP", percentage=50, reason="well done", etag=before.etag)
    assert (after.canary.canary_percentage, state(after), after.generation) == (50, "RUNNING", 2)
    assert after.canary.trial.stage_time.ToNanoseconds() > before.canary.trial.stage_time.ToNanoseconds()
    start, step = after.canary.trial.transitions
    assert (start.move, start.to_percentage, start.generation) == (wire.CANARY_MOVE_START, 10, 1)
    assert (step.from_percentage, step.to_percentage, step.reason) == (10, 50, "well done")
    assert (step.transition_id, step.generation) == ("STEP-1", 2)


async def test_the_same_transition_happens_once_whatever_came_since(desk: Desk) -> None:
    before = await trial(desk)
    first = await move(desk, "STEP", percentage=50, etag=before.etag)
    assert await move(desk, "STEP", percentage=50, etag=before.etag) == first
    paused = await move(desk, "PAUSE")
    assert await move(desk, "STEP", percentage=50, etag=before.etag) == paused
    assert (await read(desk, "trial")).generation == 3


@pytest.mark.parametrize(("kind", "more"), [("PROMOTE", {}), ("STEP", {"percentage": 60})])
async def test_an_id_that_stands_for_another_move_is_no_answer(
    desk: Desk, kind: str, more: dict[str, Any]
) -> None:
    await trial(desk)
    stepped = await move(desk, "STEP", "mine", percentage=50)
    error = await refused(desk, kind, transition_id="mine", **more)
    assert (error.code, error.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    assert fields_of(error) == ["transition_id"]
    assert await read(desk, "trial") == stepped
    assert await move(desk, "STEP", "mine", percentage=50, reason="in other words") == stepped


async def test_a_stale_etag_is_refused_and_moves_nothing(desk: Desk) -> None:
    before = await trial(desk)
    after = await update(desk, Router(name="trial", description="meanwhile"))
    error = await refused(desk, "PROMOTE", etag=before.etag)
    assert (error.code, error.reason) == ("ABORTED", "STALE_ETAG")
    assert await read(desk, "trial") == after


async def test_who_is_promoted_is_the_baseline_and_can_be_rolled_back(desk: Desk) -> None:
    before = await trial(desk)
    after = await move(desk, "PROMOTE")
    assert (after.canary.baseline_model, after.canary.canary_model) == ("cancer-stump", "cancer-bayes")
    assert (after.canary.canary_percentage, state(after)) == (0, "PROMOTED")
    assert all(variant.enabled for variant in after.variants)
    assert after.canary.trial.transitions[-1].to_percentage == 100
    back = await move(desk, "ROLLBACK")
    # Who was under trial is the canary of every move of it.
    pairs = {(one.baseline, one.canary) for one in back.canary.trial.transitions}
    assert pairs == {("cancer-bayes", "cancer-stump")}
    assert (back.canary.baseline_model, back.canary.canary_model) == ("cancer-bayes", "cancer-stump")
    assert (back.canary.canary_percentage, state(back)) == (0, "ROLLED_BACK")
    again = await update(desk, Router(name="trial", canary={"canary_percentage": 10}))
    assert (state(again), again.canary.trial.number) == ("RUNNING", 4)
    assert before.canary.trial.number == 1
    assert told(again) == ["START", "PROMOTE", "ROLLBACK", "START"]


async def test_promotion_moves_all_traffic_and_the_gauge_says_100(desk: Desk) -> None:
    await trial(desk)
    await desk.deploy("trial")
    await move(desk, "PROMOTE")
    await desk.deploy("trial")
    drawn = {(await desk.predict("trial")).manifest.decision.variant for _ in range(20)}
    assert drawn == {"cancer-stump"}
    labels = {"router": "routers/trial"}
    assert desk.metrics.registry.get_sample_value("ensemble_canary_progress", labels) == 100


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ([], "RESUME"),
        (["PAUSE"], "PAUSE"),
        (["PAUSE"], "STEP"),
        (["HOLD"], "STEP"),
        (["HOLD"], "RESUME"),
        (["ROLLBACK"], "PROMOTE"),
        (["PROMOTE"], "PROMOTE"),
        (["PROMOTE"], "STEP"),
    ],
)
async def test_a_move_begins_only_where_it_can(desk: Desk, path: list[str], kind: str) -> None:
    await trial(desk)
    for one in path:
        await move(desk, one, f"first-{one}")
    error = await refused(desk, kind, **({"percentage": 50} if kind == "STEP" else {}))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "WRONG_STATE")
    assert f"{kind} needs a canary that is" in error.message


@pytest.mark.parametrize("kind", ["RESUME", "PROMOTE", "ROLLBACK"])
async def test_a_pause_is_left_by_these(desk: Desk, kind: str) -> None:
    await trial(desk)
    await move(desk, "PAUSE")
    assert told(await move(desk, kind))[-1] == kind


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"transition_id": ""}, "transition_id"),
        ({"transition_id": "x" * 65}, "transition_id"),
        ({"move": "CANARY_MOVE_SET"}, "move"),
        ({"move": 99}, "move"),
        ({"percentage": 0}, "percentage"),
        ({"percentage": 100}, "percentage"),
        ({"percentage": -1}, "percentage"),
        ({"percentage": float("nan")}, "percentage"),
        ({"move": "CANARY_MOVE_PAUSE"}, "percentage"),
        ({"reason": "x" * 1025}, "reason"),
    ],
)
async def test_a_bad_request_is_told_its_field(desk: Desk, change: dict[str, Any], field: str) -> None:
    before = await trial(desk)
    error = await refused(desk, "STEP", **{"percentage": 50, **change})
    assert (error.code, fields_of(error)) == ("INVALID_ARGUMENT", [field])
    assert await read(desk, "trial") == before


async def test_what_would_give_traffic_to_who_is_disabled_is_refused(desk: Desk) -> None:
    await desk.seat("cancer-logistic")
    await trial(desk, canary_percentage=0)
    await ask(desk, "AddVariant", name="trial", variant={"model": "cancer-logistic"})
    off = {"name": "trial", "variant": "cancer-stump", "enabled": False}
    await ask(desk, "ToggleVariant", **off)
    for kind, more in (("STEP", {"percentage": 50}), ("PROMOTE", {})):
        error = await refused(desk, kind, **more)
        assert (error.code, fields_of(error)) == ("INVALID_ARGUMENT", ["move"])
        assert "cancer-stump is disabled" in error.message
    await move(desk, "PAUSE")
    assert state(await move(desk, "ROLLBACK")) == "ROLLED_BACK"


@pytest.mark.parametrize(("variant", "field"), [(0, "baseline_model"), (1, "canary_model")])
async def test_neither_of_the_two_may_be_disabled_while_the_canary_has_a_share(
    desk: Desk, variant: int, field: str
) -> None:
    """Or the other one would get everything, whatever the percentage."""
    await desk.seat("cancer-logistic")
    await trial(desk)
    await ask(desk, "AddVariant", name="trial", variant={"model": "cancer-logistic"})
    before = await read(desk, "trial")
    named = before.variants[variant].id
    error = await refusal(desk, "ToggleVariant", name="trial", variant=named, enabled=False)
    assert (error.code, fields_of(error)) == ("INVALID_ARGUMENT", ["enabled"])
    assert f"router.canary.{field} wrong: {named} is disabled" in error.message
    before.variants[variant].enabled = False
    before.name = ""
    error = await refusal(desk, "CreateRouter", router_id="other", router=before)
    assert fields_of(error) == [f"router.canary.{field}"]
    assert (await read(desk, "trial")).generation == 2


async def test_a_router_without_a_canary_and_one_that_is_not_there(desk: Desk) -> None:
    await desk.create("trial", Router(variants=[{"model": "cancer-bayes"}, {"model": "cancer-stump"}]))
    assert (await refused(desk, "PAUSE")).reason == "WRONG_STATE"
    assert (await refused(desk, "PAUSE", name="nobody")).reason == "ROUTER_NOT_FOUND"


async def test_what_a_caller_says_of_the_trial_is_not_believed(desk: Desk) -> None:
    forged = {"number": 7, "state": "CANARY_STATE_PROMOTED"}
    before = await trial(desk, trial=forged)
    assert (before.canary.trial.number, state(before)) == (1, "RUNNING")
    after = await update(desk, Router(name="trial", canary={"trial": forged}))
    assert after.canary.trial == before.canary.trial


async def test_another_question_or_canary_begins_another_trial(desk: Desk) -> None:
    await trial(desk)
    after = await update(desk, Router(name="trial", canary={"alpha": 0.01}))
    assert (after.canary.trial.number, told(after)[-1]) == (2, "START")
    after = await update(desk, Router(name="trial", canary={"auto": False}))
    assert (after.canary.trial.number, len(told(after))) == (2, 2)
    after = await update(desk, Router(name="trial", canary={"canary_percentage": 20}))
    assert (after.canary.trial.number, told(after)[-1]) == (2, "SET")
    swapped = {"baseline_model": "cancer-stump", "canary_model": "cancer-bayes"}
    after = await update(desk, Router(name="trial", canary=swapped))
    assert (after.canary.trial.number, state(after)) == (5, "RUNNING")


async def test_more_samples_let_a_held_canary_go_on(desk: Desk) -> None:
    await trial(desk, max_samples=100)
    await move(desk, "HOLD")
    after = await update(desk, Router(name="trial", canary={"max_samples": 200}))
    assert (state(after), after.canary.trial.number, told(after)[-1]) == ("RUNNING", 1, "RESUME")


async def test_only_the_last_transitions_are_kept(desk: Desk) -> None:
    await trial(desk)
    for number in range(6):
        await move(desk, "PAUSE", f"pause-{number}")
        after = await move(desk, "RESUME", f"resume-{number}")
    kept = after.canary.trial.transitions
    assert [one.generation for one in kept] == list(range(6, 14))


async def test_checking_changes_nothing(desk: Desk) -> None:
    before = await trial(desk)
    assert state(await move(desk, "PROMOTE", validate_only=True)) == "PROMOTED"
    assert await read(desk, "trial") == before
    assert state(await move(desk, "PROMOTE")) == "PROMOTED"
