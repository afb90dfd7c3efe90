"""Feedback that is given right after its prediction, before the prediction's record is there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.feedback.batch import Taken
from services.feedback.errors import NothingDrawn
from services.feedback.intake import YOUNG_SECONDS, Intake
from services.feedback.wire.requests import completed
from services.state import keys
from tests.feedback.conftest import Setting
from tests.waiting import eventually


def still(setting: Setting, later: float = 0.0) -> Intake:
    """An intake for which time stands still, so that its patience never ends."""
    moment = setting.now() + later
    return replace(setting.parts.servicer.intaking.intake, now=lambda: moment)


def rewarded(event: PredictionEvent, intake: Intake) -> rpc.RecordFeedbackRequest:
    request = rpc.RecordFeedbackRequest(prediction_id=event.manifest.prediction_id, reward=1)
    return completed(request, intake.now())


@asynccontextmanager
async def waited_for(setting: Setting, event: PredictionEvent) -> AsyncIterator[asyncio.Task[Taken]]:
    """Feedback on an event whose record was looked for in vain, and is there by the end of the block."""
    redis: Any = setting.connections.steady

    async def lookups() -> int:
        return int((await redis.info("commandstats"))["cmdstat_hmget"]["calls"])

    await redis.hmget("nothing", ["at all"])
    before = await lookups()
    intake = still(setting)
    task = asyncio.create_task(intake.take(rewarded(event, intake), patience=10.0))

    async def looked() -> bool:
        return await lookups() > before

    await eventually(looked)
    await setting.record(event)
    yield task


async def test_feedback_counts_at_once_when_its_record_comes_a_moment_later(setting: Setting) -> None:
    async with waited_for(setting, setting.event()) as taking:
        assert (await taking)[:3] == (rpc.FEEDBACK_STATUS_ACCEPTED, "routers/learner", "a")
    assert (await setting.arm()).rewards == 1


async def test_what_is_wrong_is_told_while_its_reporter_listens(setting: Setting) -> None:
    async with waited_for(setting, setting.event(mode=manifest.DECISION_MODE_PINNED)) as taking:
        with pytest.raises(NothingDrawn, match="no variant was drawn"):
            await taking
    assert not await setting.connections.steady.exists(keys.parked(setting.partition))


@pytest.mark.parametrize(("later", "patience"), [(YOUNG_SECONDS + 1, 10.0), (0.0, 0.0)], ids=["old", "hurry"])
async def test_no_call_waits_for_what_is_old_or_beyond_its_deadline(
    setting: Setting, later: float, patience: float
) -> None:
    """Time stands still: whoever waits, waits for ever."""
    intake = still(setting, later)
    taken = await intake.take(rewarded(setting.event(), intake), patience)
    assert taken.status == rpc.FEEDBACK_STATUS_ACCEPTED_PENDING
