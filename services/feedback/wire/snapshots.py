"""What was learnt, as routers and people read it."""

from collections.abc import Mapping

from turnout.feedback.v1.rewards_pb2 import Arm, RewardSnapshot
from turnout.router.v1 import strategy_pb2 as strategy

from services.feedback.measure import Measure
from services.feedback.rules import Rules
from services.feedback.standings import Standing
from services.feedback.windows import WindowSum
from services.state import formats
from services.state.pulls import Pulls
from services.state.rewards import UNITS, ArmTotals

NUMBERS: Mapping[str, strategy.BanditAlgorithm] = {"epsilon_greedy": strategy.BANDIT_ALGORITHM_EPSILON_GREEDY}


def snapshot_of(rules: Rules, standing: Standing, shares: Mapping[str, float], now: float) -> RewardSnapshot:
    """A snapshot without its version: the variants of the configuration, then those that once were."""
    snapshot = RewardSnapshot(
        format=formats.REWARDS,
        router_uid=rules.uid,
        router=rules.name,
        algorithm=NUMBERS.get(rules.learning.algorithm) if rules.learning else None,
        reward_metric=rules.reward.name,
        reward_window=rules.window,
        generation=rules.generation,
    )
    snapshot.compute_time.FromMicroseconds(int(now * 1e6))
    arms, pulls = standing.states.arms, standing.pulls
    former = sorted((arms.keys() | pulls.keys()) - rules.enabled.keys())
    for variant in (*rules.enabled, *former):
        arm = snapshot.arms.add(variant=variant, probability=shares.get(variant, 0.0))
        drawn = pulls.get(variant, Pulls())
        arm.pulls, arm.failures = drawn.drawn, drawn.failed
        _earned(arm, rules.reward, arms.get(variant, ArmTotals()), standing.windows.get(variant))
        arm.pending = max(0, drawn.drawn - arm.rewards)
    return snapshot


def as_published(snapshot: RewardSnapshot, published: RewardSnapshot | None) -> RewardSnapshot:
    """The present state under the version, generation and probabilities that were published last: those that
    are in force. Without any it stays as it is."""
    if published is None:
        return snapshot
    snapshot.version, snapshot.generation = published.version, published.generation
    shares = {arm.variant: arm.probability for arm in published.arms}
    for arm in snapshot.arms:
        arm.probability = shares.get(arm.variant, 0.0)
    return snapshot


def _earned(arm: Arm, measure: Measure, totals: ArmTotals, window: WindowSum | None) -> None:
    arm.rewards = totals.n
    if totals.n:
        arm.mean = measure.value(totals.sum / totals.n)
    if totals.n > 1:
        # Σr² − (Σr)²/n over n − 1, in the measure's own unit.
        spread = totals.squares / UNITS - totals.sum**2 / totals.n / UNITS**2
        arm.variance = max(spread, 0.0) / (totals.n - 1) * (measure.high - measure.low) ** 2
    if window and window.n:
        arm.window_rewards = window.n
        arm.window_mean = measure.value(window.sum / window.n)
