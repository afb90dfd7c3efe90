"""Where the arms of routers stand: everything that allocations and people read, at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.feedback.changes import Restart, restarted
from services.feedback.contexts import Contexts, Fitted
from services.feedback.rules import Rules
from services.feedback.windows import WindowSum, discounted, newest_of_each, newest_overall
from services.feedback.wire.bandits import restart_of
from services.state.errors import NewerFormat
from services.state.learned import SnapshotStore
from services.state.pulls import Pulls, PullStore
from services.state.rewards import ArmStates, Learner, RewardStore

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
        """The standing of a router under its present rules. Raises NewerFormat."""
        (found,) = await self.read_all([rules], fit=False)
        if isinstance(found, Standing):
            return found
        raise found

    async def read_all(self, routers: Sequence[Rules], *, fit: bool = True) -> list[Standing | NewerFormat]:
        """The standing of each router, AT_ONCE in a round trip; or why only it cannot be read. fit: whether
        regressions on contexts are made, which read records."""
        found: list[Standing | NewerFormat] = []
        for first in range(0, len(routers), AT_ONCE):
            some = routers[first : first + AT_ONCE]
            try:
                found += await self._some(some, fit)
            except NewerFormat as error:
                # One router that only a newer version can read must not cost the others.
                found += [error] if len(some) == 1 else [await self._alone(rules, fit) for rules in some]
        return found

    async def _alone(self, rules: Rules, fit: bool) -> Standing | NewerFormat:
        try:
            return (await self._some([rules], fit))[0]
        except NewerFormat as error:
            return error

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


def _folds(rules: Rules) -> bool:
    """Whether single rewards are looked at, in their order."""
    learning = rules.learning
    return rules.overall or (learning is not None and learning.folds)


def learner_of(rules: Rules) -> Learner:
    """The learner that a router's rewards belong to."""
    return Learner(rules.partition, rules.uid, rules.reward.key)
