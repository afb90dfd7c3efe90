"""Whoever dies on the way of a transition, before or after each of its steps: it happens once, and its event
is there once, with its evidence."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.feedback.assembly import Assembly
from services.foundation.errors import Unavailable
from services.state.errors import LostLease
from tests.feedback.canary.stage import CRITERIA, Stage, rules_of, state

LABELS = {"promotion_criteria": CRITERIA}


class Died(Exception):
    """The process is gone."""


@asynccontextmanager
async def heir(stage: Stage) -> AsyncIterator[Assembly]:
    """Another process, which has the partitions of the one that is gone."""
    made = stage.setting.process(seed=random.Random(9).randrange(100))
    await made.follower.reconcile()
    await stage.let_leases_run_out()
    await made.ownership.round()
    yield made
    await made.router.close()


class Saboteur:
    """Ends the process before or after the n-th call of any of these."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at, self.after, self.calls = at, after, 0

    def around(self, work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def wrapped(*args: Any, **told: Any) -> Any:
            self.calls += 1
            mine = self.calls == self.at
            if mine and not self.after:
                raise Died
            done = await work(*args, **told)
            if mine:
                raise Died
            return done

        return wrapped


def sabotage(parts: Assembly, how: Saboteur, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one process alone: its heir has a store and a door of its own."""
    controller = parts.canary.controller
    monkeypatch.setattr(controller.store, "write", how.around(controller.store.write))
    monkeypatch.setattr(controller.router, "transition", how.around(controller.router.transition))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
async def test_a_step_happens_once_wherever_its_controller_dies(
    stage: Stage, at: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writes: the start recorded, the step noted down; the router asked; the step recorded."""
    await stage.open(**LABELS)
    await stage.play(0.5, 0.95)
    sabotage(stage.setting.parts, Saboteur(at, after=after), monkeypatch)
    with pytest.raises(Died):
        await stage.look(times=3)
    router = await stage.router()
    assert (router.canary.canary_percentage, state(router)) in ((20, "RUNNING"), (50, "RUNNING"))
    async with heir(stage) as second:
        for _ in range(2):
            router = await stage.look(second)
        assert (router.canary.canary_percentage, state(router)) == (50, "RUNNING")
        assert router.generation == 2
        assert await stage.kinds() == ["START", "STEP"]
        step = (await stage.events()).events[0]
        assert step.automatic
        assert step.evidence.findings[0].canary_samples > 0


async def test_a_router_that_answers_too_late_is_asked_again_in_the_same_words(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It made the step, and its answer was lost; meanwhile the labels that the reason counts are more."""
    await stage.open(**LABELS)
    await stage.play(0.5, 0.95)
    controller = stage.setting.parts.canary.controller
    transition = controller.router.transition

    async def lost(*args: Any) -> Any:
        await transition(*args)
        raise Unavailable("no answer", retry_after=1.0)

    stale = rules_of(stage.setting.parts, stage.setting.router.uid)
    with monkeypatch.context() as patched:
        patched.setattr(controller.router, "transition", lost)
        with pytest.raises(Unavailable):
            await controller.look(stale)
    await stage.play(0.5, 0.95, count=50)
    await controller.look(stale)
    router = await stage.look()
    assert (router.canary.canary_percentage, router.generation) == (50, 2)
    assert await stage.kinds() == ["START", "STEP"]


async def test_without_the_router_nothing_is_lost_and_it_goes_on_when_it_is_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.open(**LABELS)
    await stage.play(0.5, 0.95)
    controller = stage.setting.parts.canary.controller

    async def gone(*_args: Any) -> Any:
        raise Unavailable("the router cannot be reached now", retry_after=1.0)

    with monkeypatch.context() as patched:
        patched.setattr(controller.router, "transition", gone)
        for _ in range(3):
            await controller.round()
    assert (await stage.router()).canary.canary_percentage == 20
    assert (await stage.look()).canary.canary_percentage == 50
    assert await stage.kinds() == ["START", "STEP"]


async def test_a_former_owner_asks_for_nothing(stage: Stage) -> None:
    await stage.open(**LABELS)
    await stage.play(0.5, 0.95)
    async with heir(stage) as second:
        # It believes that it is still the owner: its lease ran out while it was stopped.
        assert stage.setting.parts.ownership.owned
        with pytest.raises(LostLease):
            await stage.look()
        assert (await stage.router()).canary.canary_percentage == 20
        assert (await stage.look(second)).canary.canary_percentage == 50


async def test_two_who_believe_to_be_owners_make_one_step(stage: Stage) -> None:
    """The fence lets one of them write; the etag would let only one of them move the canary anyway."""
    await stage.open(**LABELS)
    await stage.play(0.5, 0.95)
    controller, uid = stage.setting.parts.canary.controller, stage.setting.router.uid
    rules = rules_of(stage.setting.parts, uid)
    await controller.look(rules)
    await controller.look(rules)
    await stage.look()
    assert (await stage.router()).generation == 2
    assert await stage.kinds() == ["START", "STEP"]


async def test_a_change_by_a_person_in_between_is_not_undone(stage: Stage) -> None:
    await stage.open(**LABELS)
    await stage.play(0.5, 0.95)
    parts = stage.setting.parts
    stale = rules_of(parts, stage.setting.router.uid)
    await stage.ask("PauseCanary")
    await parts.canary.controller.round()
    assert rules_of(parts, stale.uid) is stale
    router = await stage.look()
    assert (router.canary.canary_percentage, state(router)) == (20, "PAUSED")
    assert await stage.kinds() == ["START", "PAUSE"]
