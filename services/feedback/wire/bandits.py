"""What a bandit's configuration tells its learner to do; and what its state says on the wire."""

from collections.abc import Mapping

import numpy as np
from turnout.feedback.v1 import rewards_pb2 as wire
from turnout.router.v1 import strategy_pb2 as strategy

from services.feedback.changes import START, Mark, Restart
from services.feedback.contexts import Fitted
from services.feedback.measure import Measure
from services.feedback.policies.learning import Learning, Prior
from services.feedback.policies.lin_ucb import Regression
from services.feedback.rules import Rules
from services.state import bandits
from services.state.moments import span

DOUBLES = "<f8"
# The names under which policies stand in their table.
ALGORITHMS: Mapping[strategy.BanditAlgorithm, str] = {
    strategy.BANDIT_ALGORITHM_UNSPECIFIED: "epsilon_greedy",
    strategy.BANDIT_ALGORITHM_EPSILON_GREEDY: "epsilon_greedy",
    strategy.BANDIT_ALGORITHM_THOMPSON: "thompson",
    strategy.BANDIT_ALGORITHM_THOMPSON_GAUSSIAN: "thompson_gaussian",
    strategy.BANDIT_ALGORITHM_THOMPSON_CHANGE_DETECTION: "thompson_change_detection",
    strategy.BANDIT_ALGORITHM_UCB1: "ucb1",
    strategy.BANDIT_ALGORITHM_UCB_TUNED: "ucb_tuned",
    strategy.BANDIT_ALGORITHM_KL_UCB: "kl_ucb",
    strategy.BANDIT_ALGORITHM_LIN_UCB: "lin_ucb",
}


def learning_of(bandit: strategy.BanditStrategy, reward: Measure) -> Learning:
    """How a stored bandit learns. What it says in the metric's unit becomes a share of the range."""
    span_of_range = reward.high - reward.low
    written = {name: getattr(bandit, name) for name in _WRITTEN if bandit.HasField(name)}
    written.setdefault("exploration_rate", bandits.exploration_of(bandit.algorithm))
    if bandit.HasField("reward_scale"):
        written["reward_scale"] = bandit.reward_scale / span_of_range
    if bandit.HasField("reward_delay"):
        written["reward_delay"] = span(bandit.reward_delay, "reward_delay")
    return Learning(
        _algorithm(bandit.algorithm, reward),
        cost_weight=bandit.cost_weight / span_of_range,
        features=tuple(bandit.context_features),
        scales=tuple(bandit.context_scales.get(name, 1.0) for name in bandit.context_features),
        priors=tuple(_prior(one, reward) for one in bandit.priors),
        **written,
    )


_WRITTEN = (
    "exploration_rate",
    "floor",
    "cap",
    "ucb_exploration",
    "discount",
    "burn_in",
    "burn_in_floor",
    "burn_in_cap",
    "linear_exploration",
    "ridge",
)


def _algorithm(number: strategy.BanditAlgorithm, reward: Measure) -> str:
    # Of a range of its own little may be used: a Beta posterior over all of it would explore far too long.
    if number == strategy.BANDIT_ALGORITHM_THOMPSON and (reward.low, reward.high) != (0.0, 1.0):
        return "thompson_gaussian"
    # A number that this version has no policy for stays one, and is refused when it is looked up.
    return ALGORITHMS.get(number, f"algorithm {number}")


def _prior(given: strategy.ArmPrior, reward: Measure) -> Prior:
    most = given.rewards if given.HasField("rewards") else bandits.PRIOR_REWARDS
    if given.WhichOneof("origin") == "mean":
        return Prior(given.variant, most, units=reward.units(min(max(given.mean, reward.low), reward.high)))
    return Prior(given.variant, most, former=getattr(given, "from"))


def write_linear(snapshot: wire.RewardSnapshot, rules: Rules, fitted: Fitted) -> None:
    """Say in a snapshot what was learnt of contexts, of the variants that are enabled."""
    learning = rules.learning
    assert learning is not None  # noqa: S101 - only who learns has fitted
    told = snapshot.linear
    told.features.extend(learning.features)
    told.scales.extend(learning.scales)
    told.exploration, told.centre = learning.linear_exploration, fitted.centre
    width = len(learning.features) + 1
    nothing = Regression(0, learning.ridge * np.eye(width), np.zeros(width))
    for arm in (arm for arm, enabled in rules.enabled.items() if enabled):
        found = fitted.arms.get(arm, nothing)
        told.arms.add(
            variant=arm,
            rewards=found.rewards,
            precision=found.precision.astype(DOUBLES).tobytes(),
            moment=found.moment.astype(DOUBLES).tobytes(),
        )


def restart_of(snapshot: wire.RewardSnapshot | None) -> Restart:
    """Where the learner has started again, as published last."""
    if snapshot is None or not snapshot.HasField("restart"):
        return Restart(START, 0, 0.0)
    place, told = snapshot.restart.place, snapshot.restart
    parts = (int.from_bytes(part, "big") for part in (place[:8], place[8:16], place[16:]))
    return Restart(Mark(*parts), told.count, told.ratio)


def write_restart(snapshot: wire.RewardSnapshot, restart: Restart) -> None:
    """Say it in a snapshot; nothing where there was none."""
    if not restart.count:
        return
    mark = restart.mark
    snapshot.restart.place = b"".join(
        part.to_bytes(size, "big") for part, size in zip(mark, (8, 8, 4), strict=True)
    )
    # The first 48 bits of an id are its milliseconds.
    snapshot.restart.time.FromMilliseconds(mark.id_high >> 16)
    snapshot.restart.count, snapshot.restart.ratio = restart.count, restart.ratio
