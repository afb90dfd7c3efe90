"""Where the arms of a router stand: everything that allocations and people read, at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.feedback.rules import Rules
from services.feedback.windows import WindowSum, newest_of_each, newest_overall
from services.state.pulls import Pulls, PullStore
from services.state.rewards import ArmStates, Learner, RewardStore


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one router: lifetime sums, the window of each arm, draws."""

    states: ArmStates
    windows: Mapping[str, WindowSum]
    pulls: Mapping[str, Pulls]


@dataclass(frozen=True, slots=True)
class Standings:
    """Reads standings. Raises StateUnavailable if Redis is."""

    rewards: RewardStore
    pulls: PullStore

    async def read(self, rules: Rules) -> Standing:
        """The standing of a router under its present rules."""
        learner = learner_of(rules)
        states = await self.rewards.read(learner)
        pulls = await self.pulls.read(rules.partition, rules.uid)
        return Standing(states, await self._windows(rules, learner, states), pulls)

    async def _windows(self, rules: Rules, learner: Learner, states: ArmStates) -> Mapping[str, WindowSum]:
        # The kept sums are those of the last N of each arm at its last reward. They serve unless another
        # reading is wanted, or N has shrunk since: then the entries themselves are read.
        kept = {arm: WindowSum(each.window_n, each.window_sum) for arm, each in states.arms.items()}
        if not rules.overall and all(each.n <= rules.window for each in kept.values()):
            return kept
        entries = await self.rewards.windows(learner, states.arms)
        return (newest_overall if rules.overall else newest_of_each)(entries, rules.window)


def learner_of(rules: Rules) -> Learner:
    """The learner that a router's rewards belong to."""
    return Learner(rules.partition, rules.uid, rules.reward.key)
