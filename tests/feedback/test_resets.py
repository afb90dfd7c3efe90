"""Rewards that are reset: arms start anew, and what was predicted before teaches them nothing."""

import random

import pytest

from services.state import formats, ids, keys
from services.state.arm_states import ArmTotals
from services.state.audit import Author
from services.state.claims import UNITS, Applied, Claim, Learner, Report
from services.state.connection import Connections
from services.state.errors import NewerFormat
from services.state.once import Once
from services.state.pulls import Counted, Pulls, PullStore
from services.state.resets import Reset, ResetStore, Subject
from services.state.rewards import RewardStore
from tests.feedback.test_apply_reward import HORIZON, LEARNER, NOW

OTHER = Learner(LEARNER.partition, LEARNER.uid, "revenue@0..9")
SUBJECT = Subject(LEARNER.uid, "routers/learner", [OTHER, LEARNER])
BY = Author("somebody", "turnout.feedback.v1.FeedbackService/ResetRewards")
CHANGE = Once("7c0e7a44-2f0b-4a55-8a9e-0d6a7a1a8a11", "digest")


def predicted(number: int, seconds: float) -> str:
    """Id of a prediction so many seconds from now."""
    return ids.new_prediction_id(LEARNER.partition, NOW + seconds, random.Random(number))


def claim(prediction: str, units: int = UNITS, id_: str = "f", learner: Learner = LEARNER) -> Claim:
    return Claim(learner, Report(prediction, 0, "a", units, 1, id_), 1000, HORIZON)


async def test_arms_start_anew_and_late_feedback_teaches_nothing(connections: Connections) -> None:
    store = RewardStore(connections.steady)
    before, after = [predicted(number, -50) for number in range(3)], predicted(9, 1)
    await store.apply([claim(one, learner=where) for one in before[:2] for where in (LEARNER, OTHER)], NOW)
    told = await ResetStore(connections.steady).reset(SUBJECT, BY, None, NOW)
    assert told == Reset(1, NOW)
    for learner in (LEARNER, OTHER):
        states = await store.read(learner)
        assert (states.arms, states.resets) == ({}, 1)
        assert (await store.windows(learner, ["a"]))["a"].tolist() == []
    late = [claim(before[2]), claim(before[2]), claim(before[0], 0, "correction"), claim(before[0])]
    assert await store.apply(late, NOW) == [
        Applied.FORGOTTEN,
        Applied.DUPLICATE,
        Applied.FORGOTTEN,
        Applied.DUPLICATE,
    ]
    assert (await store.read(LEARNER)).arms == {}
    assert await store.apply([claim(after, 5)], NOW) == [Applied.ACCEPTED]
    assert (await store.read(LEARNER)).arms["a"] == ArmTotals(1, 5, 0, 1, 5)


async def test_what_was_learnt_from_a_clock_that_runs_ahead_is_forgotten_too(
    connections: Connections,
) -> None:
    store, ahead = RewardStore(connections.steady), predicted(1, 30)
    await store.apply([claim(ahead)], NOW)
    await ResetStore(connections.steady).reset(SUBJECT, BY, None, NOW)
    assert await store.apply([claim(ahead, 0, "correction")], NOW) == [Applied.FORGOTTEN]
    assert await store.apply([claim(predicted(2, 31))], NOW) == [Applied.ACCEPTED]
    assert (await store.read(LEARNER)).arms["a"].n == 1


async def test_the_version_counts_on_so_that_everybody_looks(connections: Connections) -> None:
    store = RewardStore(connections.steady)
    await store.apply([claim(predicted(1, -5))], NOW)
    await ResetStore(connections.steady).reset(SUBJECT, BY, None, NOW)
    assert (await store.read(LEARNER)).version == 2


async def test_the_same_change_again_answers_the_same_and_forgets_nothing_more(
    connections: Connections,
) -> None:
    store, resets = RewardStore(connections.steady), ResetStore(connections.steady)
    first = await resets.reset(SUBJECT, BY, CHANGE, NOW)
    await store.apply([claim(predicted(1, 1))], NOW + 2)
    assert await resets.reset(SUBJECT, BY, CHANGE, NOW + 3) == first == Reset(1, NOW)
    assert (await store.read(LEARNER)).arms["a"].n == 1
    assert await connections.steady.xlen(keys.audit(LEARNER.partition)) == 1
    assert await resets.reset(SUBJECT, BY, None, NOW + 9) == Reset(2, NOW + 9)
    assert (await store.read(LEARNER)).arms == {}


async def test_draws_start_anew_and_those_before_count_no_more(connections: Connections) -> None:
    pulls = PullStore(connections.steady)
    counts = {(LEARNER.uid, "a"): Pulls(3, 1)}
    assert await pulls.count(LEARNER.partition, counts, after=Counted(""), until="1-0")
    seen = await pulls.counted(LEARNER.partition, [LEARNER.uid])
    await ResetStore(connections.steady).reset(SUBJECT, BY, None, NOW)
    assert await pulls.read(LEARNER.partition, LEARNER.uid) == {}
    # Counted while the rewards were reset: the caller has to look which of the draws still count.
    assert not await pulls.count(LEARNER.partition, counts, after=seen, until="2-0")
    seen = await pulls.counted(LEARNER.partition, [LEARNER.uid])
    assert (seen.until, len(seen.since[LEARNER.uid])) == ("1-0", 20)
    assert await pulls.count(LEARNER.partition, counts, after=seen, until="2-0")
    assert await pulls.read(LEARNER.partition, LEARNER.uid) == {"a": Pulls(3, 1)}


async def test_what_a_newer_version_keeps_is_left_alone(connections: Connections) -> None:
    store = RewardStore(connections.steady)
    await store.apply([claim(predicted(1, -5))], NOW)
    await connections.steady.hset(keys.arms(*LEARNER), "format", str(formats.ARMS + 1))
    with pytest.raises(NewerFormat, match="reward state has format 2"):
        await ResetStore(connections.steady).reset(SUBJECT, BY, None, NOW)
    assert await connections.steady.xlen(keys.audit(LEARNER.partition)) == 0
    assert await connections.steady.hget(keys.arms(*LEARNER), "n:a") == b"1"
