"""What people do to canaries: promote, roll back, pause, resume, read; and what is refused."""

from typing import Any

import pytest

from services.foundation.errors import RemoteError
from tests.feedback.canary.stage import CRITERIA, Stage, state

LABELS = {"promotion_criteria": CRITERIA}


async def refused(stage: Stage, method: str, **told: Any) -> RemoteError:
    with pytest.raises(RemoteError) as error:
        await stage.ask(method, **told)
    return error.value


async def test_a_person_promotes_and_takes_it_back(stage: Stage) -> None:
    await stage.open(**LABELS)
    await stage.play(0.6, 0.7, count=60)
    promoted = await stage.ask("PromoteCanary", reason="the old one is too dear")
    assert (promoted.percentage, promoted.baseline, promoted.canary) == (100, "a", "b")
    back = await stage.ask("RollbackCanary")
    assert (back.percentage, back.baseline, back.canary) == (0, "a", "b")
    await stage.look()
    rollback, promote, start = (await stage.events()).events
    assert (start.kind, promote.kind, rollback.kind) == ("START", "PROMOTE", "ROLLBACK")
    assert (promote.automatic, promote.reason) == (False, "the old one is too dear")
    assert (promote.baseline, promote.canary, promote.from_percentage) == ("a", "b", 20)
    assert (rollback.from_percentage, rollback.to_percentage) == (100, 0)
    # What was known when it was asked for, though the trial is over by now.
    assert promote.evidence.findings[0].canary_samples > 0
    assert not promote.evidence.findings[0].answered


async def test_paused_and_resumed(stage: Stage) -> None:
    await stage.open(**LABELS)
    paused = await stage.ask("PauseCanary")
    assert paused.waiting_for.startswith("a person: it is paused")
    await stage.play(0.5, 0.95)
    await stage.look()
    assert (await stage.ask("ResumeCanary")).percentage == 20
    router = await stage.look()
    assert router.canary.canary_percentage == 50
    assert await stage.kinds() == ["START", "PAUSE", "RESUME", "STEP"]


async def test_the_same_request_counts_once(stage: Stage) -> None:
    await stage.open(**LABELS)
    first = await stage.ask("PromoteCanary", request_id="mine")
    assert await stage.ask("PromoteCanary", request_id="mine") == first
    await stage.look()
    assert await stage.kinds() == ["START", "PROMOTE"]


async def test_a_promotion_under_the_id_of_a_pause_is_refused(stage: Stage) -> None:
    await stage.open(**LABELS)
    await stage.ask("PauseCanary", request_id="mine")
    error = await refused(stage, "PromoteCanary", request_id="mine")
    assert (error.code, error.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    assert [field for field, _ in error.fields] == ["request_id"]
    assert state(await stage.router()) == "PAUSED"


async def test_what_was_seen_must_still_be_so(stage: Stage) -> None:
    await stage.open(**LABELS)
    etag = (await stage.status()).etag
    await stage.change(canary_percentage=30)
    error = await refused(stage, "PromoteCanary", etag=etag)
    assert (error.code, error.reason) == ("ABORTED", "STALE_ETAG")
    assert state(await stage.router()) == "RUNNING"


@pytest.mark.parametrize(
    "method", ["PromoteCanary", "RollbackCanary", "PauseCanary", "ResumeCanary", "GetCanary"]
)
async def test_without_a_canary_there_is_nothing_to_move(stage: Stage, method: str) -> None:
    await stage.open(**LABELS)
    error = await refused(stage, method, router="nobody")
    assert (error.code, error.reason) == ("NOT_FOUND", "ROUTER_NOT_FOUND")
    error = await refused(stage, method, router="not a name!")
    assert error.code == "INVALID_ARGUMENT"
    await stage.become_weighted()
    error = await refused(stage, method)
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "WRONG_STATE")
    assert "has no canary" in error.message


async def test_what_does_not_begin_here_is_refused_in_the_routers_words(stage: Stage) -> None:
    await stage.open(**LABELS)
    error = await refused(stage, "ResumeCanary")
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "WRONG_STATE")
    assert "RESUME needs a canary that is PAUSED; that of" in error.message
    error = await refused(stage, "PauseCanary", reason="x" * 1025)
    assert (error.code, [field for field, _ in error.fields]) == ("INVALID_ARGUMENT", ["reason"])
    error = await refused(stage, "PauseCanary", request_id="x" * 65)
    assert (error.code, [field for field, _ in error.fields]) == ("INVALID_ARGUMENT", ["request_id"])
    assert state(await stage.router()) == "RUNNING"


async def test_events_are_listed_newest_first_page_by_page(stage: Stage) -> None:
    await stage.open(**LABELS)
    for method in ("PauseCanary", "ResumeCanary", "PauseCanary"):
        await stage.ask(method)
        await stage.look()
    first = await stage.events(page_size=3)
    assert [one.kind for one in first.events] == ["PAUSE", "RESUME", "PAUSE"]
    second = await stage.events(page_size=3, page_token=first.next_page_token)
    assert ([one.kind for one in second.events], second.next_page_token) == (["START"], "")
    exactly = await stage.events(page_size=4)
    assert (len(exactly.events), exactly.next_page_token) == (4, "")
    error = await refused(stage, "ListPromotionEvents", page_token="forged")
    assert error.reason == "BAD_PAGE_TOKEN"
    assert (await refused(stage, "ListPromotionEvents", page_size=-1)).code == "INVALID_ARGUMENT"
    assert (await refused(stage, "ListPromotionEvents", router="nobody")).reason == "ROUTER_NOT_FOUND"


async def test_before_anything_is_known_it_says_so(stage: Stage) -> None:
    await stage.open(**LABELS)
    status = await stage.status()
    assert (status.percentage, status.step, status.steps, status.trial) == (20, 1, 2, 1)
    assert status.waiting_for.startswith("evidence: nothing is known")
    assert not (await stage.events()).events


async def test_a_change_of_the_configuration_is_an_event_too(stage: Stage) -> None:
    await stage.open(**LABELS)
    await stage.change(canary_percentage=35)
    await stage.look()
    event = (await stage.events()).events[0]
    assert (event.kind, event.from_percentage, event.to_percentage) == ("SET", 20, 35)
    assert not event.automatic
