"""Rewards that are forgotten: arms start anew, and what was predicted before teaches them nothing more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from turnout.router.v1.router_service_pb2 import AuditEvent

from services.state import formats, ids, keys
from services.state.audit import KEPT_EVENTS, Author, event_of
from services.state.claims import Learner
from services.state.failures import MappedRedis
from services.state.feedback_keys import reset_answer
from services.state.once import LIFETIME_MS, Once
from services.state.rewards import LIFETIME_SECONDS
from services.state.scripts import Arg, Script

# Without a request id a reset that is sent again is another one, so a lost reply is the caller's to judge.
RESET_REWARDS = Script("reset_rewards")
REPEATABLE = Script("reset_rewards", repeatable=True)
# A router has rewards for 256 arms at most; each new one costs another look.
LOOKS = 8


class Reset(NamedTuple):
    """How often a learner's rewards were reset, and when the last time, in seconds since 1970."""

    generation: int
    time: float


class Subject(NamedTuple):
    """Whose rewards: the router's uid and name, and the learner of each of its metrics, the reward's own
    last."""

    uid: str
    name: str
    learners: Sequence[Learner]


@dataclass(frozen=True, slots=True)
class ResetStore:
    """Resets rewards. Raises StateUnavailable if Redis is, and NewerFormat."""

    redis: MappedRedis

    async def reset(self, subject: Subject, by: Author, change: Once | None, now: float) -> Reset:
        """Forget what the router has learnt in each metric; the event of it is written with the last one.

        The same change again answers what it answered first. If it raises, some metrics may be reset and the
        others not: the same again completes it.
        """
        *others, own = subject.learners
        for learner in others:
            await self._reset(learner, change and change.request_id + learner.measure, None, now)
        event = event_of(by, subject.name, subject.uid, 0, ["rewards"])
        return await self._reset(own, change and change.request_id, event, now)

    async def _reset(self, learner: Learner, id_: str | None, event: AuditEvent | None, now: float) -> Reset:
        run = REPEATABLE if id_ else RESET_REWARDS
        for _ in range(LOOKS):
            fields = await self.redis.hgetall(keys.arms(*learner))
            arms = sorted(key[2:].decode() for key in fields if key.startswith(b"n:"))
            named = [
                keys.arms(*learner),
                keys.pulls(learner.partition, learner.uid),
                keys.audit(learner.partition),
                reset_answer(learner.partition, id_ or "none"),
                *(keys.arm_window(*learner, arm) for arm in arms),
            ]
            status, *told = await run(self.redis, named, _args(learner, len(arms), id_, event, now))
            if status == b"NEWER_FORMAT":
                known = formats.ARMS if told[1] == b"reward state" else formats.PULLS
                formats.check(told[1].decode(), int(told[0]), known)
            if status in (b"RESET", b"ANSWERED"):
                return Reset(int(told[0]), int(told[1]) / 1000)
        raise RuntimeError(f"the arms of {learner.uid} change faster than they can be counted")


def _args(learner: Learner, arms: int, id_: str | None, event: AuditEvent | None, now: float) -> list[Arg]:
    return [
        arms,
        first_place(now),
        int(now * 1000),
        LIFETIME_SECONDS,
        formats.ARMS,
        formats.PULLS,
        formats.RESET,
        LIFETIME_MS if id_ else 0,
        event.SerializeToString() if event else "",
        KEPT_EVENTS,
        keys.arms_channel(),
        f"{learner.partition} {learner.uid}",
    ]


def first_place(time: float) -> bytes:
    """The least place, as of `rewards.place_of`, that a prediction of that time or later can have."""
    digits = ids.first_id_at(time).replace("-", "")
    return bytes.fromhex(digits.ljust(32, "0")) + bytes(4)
