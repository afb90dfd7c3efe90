"""Canaries over real channels, in simulated time: what evidence, silence, harm and people lead to."""

import pytest

from services.foundation.errors import RemoteError
from tests.feedback.canary.stage import CRITERIA, Stage, move, state


async def test_a_better_canary_goes_up_its_steps_and_is_promoted(stage: Stage) -> None:
    await stage.open(promotion_criteria=CRITERIA)
    await stage.play(0.5, 0.95)
    router = await stage.look()
    assert (router.canary.canary_percentage, state(router)) == (50, "RUNNING")
    assert (await stage.status()).waiting_for.startswith("labels: 0 of 1")
    await stage.play(0.5, 0.95)
    router = await stage.look()
    assert state(router) == "PROMOTED"
    assert (router.canary.baseline_model, router.canary.canary_percentage) == ("b", 0)
    assert await stage.kinds() == ["START", "STEP", "PROMOTE"]
    promoted = (await stage.events()).events[0]
    assert (promoted.automatic, promoted.from_percentage, promoted.to_percentage) == (True, 50, 100)
    assert (promoted.baseline, promoted.canary, promoted.trial) == ("a", "b", 1)
    (promotion, *_) = promoted.evidence.findings
    assert (promotion.question, promotion.answered) == ("promotion", True)
    assert promotion.log_evidence >= promotion.threshold
    assert promotion.canary_mean > 0.9 > 0.6 > promotion.baseline_mean
    assert promotion.low > 0.02
    assert "by more than 0.02" in promoted.reason
    status = await stage.status()
    assert (status.percentage, status.baseline, status.canary) == (100, "a", "b")
    assert status.waiting_for.startswith("nothing: it is promoted")
