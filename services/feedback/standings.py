"""Where the arms of routers stand: everything that allocations and people read, at one moment."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias, TypeVar

from services.feedback.changes import Restart, restarted
from services.feedback.contexts import Contexts, Fitted
from services.feedback.rules import Rules
from services.feedback.windows import WindowSum, discounted, newest_of_each, newest_overall
from services.feedback.wire.bandits import restart_of
from services.state.arm_states import ArmStates
from services.state.claims import Learner
from services.state.errors import NewerFormat
from services.state.learned import SnapshotStore
from services.state.pulls import Pulls, PullStore
from services.state.rewards import RewardStore

# What a newer version wrote, and what stands for no number, whoever put it there.
UNREADABLE = (NewerFormat, ArithmeticError, LookupError, ValueError)
Unreadable: TypeAlias = NewerFormat | ArithmeticError | LookupError | ValueError
T = TypeVar("T")
# Routers that are read in one round trip: bounds a reply to a few megabytes.
AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one router: lifetime sums, what is remembered of each arm, draws, where it has started again, and
    what it learnt of contexts."""

    states: ArmStates
    windows: Mapping[str, WindowSum]
    pulls: Mapping[str, Pulls]
    restart: Restart = field(default_factory=Restart)
    fitted: Fitted | None = None


@dataclass(frozen=True, slots=True)
class Standings:
    """Reads standings. Raises StateUnavailable if Redis is."""

    rewards: RewardStore
    pulls: PullStore
    snapshots: SnapshotStore
    contexts: Contexts

    async def read(self, rules: Rules) -> Standing:
        """The standing of a router under its present rules. Raises Unreadable."""
        (found,) = await self.read_all([rules], fit=False)
        if isinstance(found, Standing):
            return found
        raise found

    async def read_all(self, routers: Sequence[Rules], *, fit: bool = True) -> list[Standing | Unreadable]:
        """The standing of each router, AT_ONCE in a round trip; or why only it cannot be read. fit: whether
        regressions on contexts are made, which read records."""
        found: list[Standing | Unreadable] = []
        for first in range(0, len(routers), AT_ONCE):
            found += await each(partial(self._some, fit=fit), routers[first : first + AT_ONCE])
        return found

    async def drawn(self, routers: Sequence[Rules]) -> list[int | Unreadable]:
        """How often the arms of each router were drawn; or why that cannot be read."""
        return await each(self._drawn, routers)

    async def _drawn(self, routers: Sequence[Rules]) -> list[int]:
        found = await self.pulls.read_all([(rules.partition, rules.uid) for rules in routers])
        return [sum(arm.drawn for arm in arms.values()) for arms in found]

    async def _some(self, routers: Sequence[Rules], fit: bool) -> list[Standing]:
        states = await self.rewards.read_all([learner_of(rules) for rules in routers])
        pulls = await self.pulls.read_all([(rules.partition, rules.uid) for rules in routers])
        found = []
        for rules, state, drawn in zip(routers, states, pulls, strict=True):
            # The kept sums are those of the last N of each arm at its last reward.
            kept = {arm: WindowSum(each.window_n, each.window_sum) for arm, each in state.arms.items()}
            if _folds(rules) or any(each.n > rules.window for each in kept.values()):
                found.append(await self._folded(rules, state, drawn, fit))
            else:
                found.append(Standing(state, kept, drawn))
        return found

    async def _folded(
        self, rules: Rules, states: ArmStates, pulls: Mapping[str, Pulls], fit: bool
    ) -> Standing:
        # Another reading is wanted than the last N of each arm, or N has shrunk: the entries are read.
        entries = await self.rewards.windows(learner_of(rules), states.arms)
        learning, restart, fitted = rules.learning, Restart(), None
        if fit and learning is not None and learning.features:
            newest = {arm: entries[arm][-rules.window :] for arm in entries}
            fitted = await self.contexts.fit(rules.uid, learning, newest, rules.reward.minimize)
        if learning is not None and learning.changes:
            restart, left = restarted(entries, restart_of(await self.snapshots.read(rules.uid)))
            entries = dict(left)
        if learning is not None and learning.discount < 1:
            windows = discounted(entries, rules.window, learning.discount)
        else:
            windows = (newest_overall if rules.overall else newest_of_each)(entries, rules.window)
        return Standing(states, windows, pulls, restart, fitted)


async def each(
    read: Callable[[Sequence[Rules]], Awaitable[Sequence[T]]], routers: Sequence[Rules]
) -> list[T | Unreadable]:
    """What is read of each router; or why it cannot be, which must not cost the others."""
    try:
        return [*(await read(routers))]
    except UNREADABLE as error:
        if len(routers) == 1:
            return [error]
    return [(await each(read, [rules]))[0] for rules in routers]


def _folds(rules: Rules) -> bool:
    """Whether single rewards are looked at, in their order."""
    learning = rules.learning
    return rules.overall or (learning is not None and learning.folds)


def learner_of(rules: Rules) -> Learner:
    """The learner that a router's rewards belong to."""
    return Learner(rules.partition, rules.uid, rules.reward.key)
