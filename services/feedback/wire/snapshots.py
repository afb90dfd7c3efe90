"""What was learnt, as routers and people read it."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np
from scipy.special import betaincinv
from turnout.feedback.v1.rewards_pb2 import Arm, RewardSnapshot
from turnout.router.v1 import strategy_pb2 as strategy

from services.feedback.allotment import Allotted
from services.feedback.measure import Measure
from services.feedback.rules import Rules
from services.feedback.standings import Standing
from services.feedback.windows import WindowSum
from services.feedback.wire.bandits import ALGORITHMS, write_linear, write_restart
from services.state import formats
from services.state.arm_states import ArmTotals
from services.state.claims import UNITS
from services.state.pulls import Pulls

NUMBERS: Mapping[str, strategy.BanditAlgorithm] = {
    name: number for number, name in ALGORITHMS.items() if number
}
NOT_ALLOTTED, NO_PULLS, NO_TOTALS = Allotted({}), Pulls(), ArmTotals()


def snapshot_of(rules: Rules, standing: Standing, allotted: Allotted, now: float) -> RewardSnapshot:
    """A snapshot without its version: the variants of the configuration, then those that once were."""
    snapshot = RewardSnapshot(
        format=formats.REWARDS,
        router_uid=rules.uid,
        router=rules.name,
        algorithm=_number(rules),
        reward_metric=rules.reward.name,
        reward_window=rules.window,
        generation=rules.generation,
        learner_generation=standing.states.resets,
    )
    snapshot.compute_time.FromMicroseconds(int(now * 1e6))
    write_restart(snapshot, standing.restart)
    if standing.fitted is not None:
        write_linear(snapshot, rules, standing.fitted)
    arms, pulls = standing.states.arms, standing.pulls
    former = sorted((arms.keys() | pulls.keys()) - rules.enabled.keys())
    for variant in (*rules.enabled, *former):
        drawn, totals = pulls.get(variant, NO_PULLS), arms.get(variant, NO_TOTALS)
        # All at once: a field set by itself costs as much as five of these.
        snapshot.arms.add(
            variant=variant,
            probability=allotted.shares.get(variant, 0.0),
            pulls=drawn.drawn,
            failures=drawn.failed,
            pending=max(0, drawn.drawn - totals.n),
            newcomer=variant in allotted.newcomers,
            **_earned(rules.reward, totals, standing.windows.get(variant)),
            **_judged(rules.reward, allotted.scores.get(variant), allotted.counted.get(variant)),
        )
    return snapshot


def _number(rules: Rules) -> strategy.BanditAlgorithm | None:
    return NUMBERS.get(rules.learning.algorithm) if rules.learning else None


def _judged(measure: Measure, score: float | None, counted: WindowSum | None) -> dict[str, Any]:
    """What the policy went by."""
    fields: dict[str, Any] = {}
    if score is not None and isfinite(score):
        fields["score"] = score
    if counted is not None:
        fields["effective_rewards"] = counted.n
        if counted.n:
            fields["effective_mean"] = measure.value(counted.sum / counted.n)
    return fields


def as_published(snapshot: RewardSnapshot, published: RewardSnapshot) -> RewardSnapshot:
    """The present state under the version, generation and probabilities that were published last: those that
    are in force; with what they rest on."""
    snapshot.version, snapshot.generation = published.version, published.generation
    snapshot.ClearField("restart")
    if published.HasField("restart"):
        snapshot.restart.CopyFrom(published.restart)
    if published.HasField("linear"):
        snapshot.linear.CopyFrom(published.linear)
    before = {arm.variant: arm for arm in published.arms}
    for arm in snapshot.arms:
        was = before.get(arm.variant, Arm())
        arm.probability, arm.newcomer = was.probability, was.newcomer
        for name in ("score", "effective_rewards", "effective_mean"):
            if was.HasField(name):
                setattr(arm, name, getattr(was, name))
    return snapshot


def with_posteriors(snapshot: RewardSnapshot, rules: Rules) -> RewardSnapshot:
    """The same, with the interval that holds each arm's mean with 95 %: of a Beta posterior of the rewards
    that the policy counts, no narrower than the truth for rewards that are not only 0 and 1."""
    low, high, measure = rules.reward.low, rules.reward.high, rules.reward
    for arm in snapshot.arms:
        if arm.HasField("effective_rewards"):
            n = arm.effective_rewards
            share = (arm.effective_mean - low) / (high - low) if n else 0.0
            won = min(max(n * share, 0.0), n)
            ends = betaincinv(1 + won, 1 + n - won, np.array([0.025, 0.975]))
            arm.posterior_low, arm.posterior_high = (measure.value(float(end) * UNITS) for end in ends)
    return snapshot


def _earned(measure: Measure, totals: ArmTotals, window: WindowSum | None) -> dict[str, Any]:
    fields: dict[str, Any] = {"rewards": totals.n}
    if totals.n:
        fields["mean"] = measure.value(totals.sum / totals.n)
    if totals.n > 1:
        # Σr² − (Σr)²/n over n − 1, in the measure's own unit.
        spread = totals.squares / UNITS - totals.sum**2 / totals.n / UNITS**2
        fields["variance"] = max(spread, 0.0) / (totals.n - 1) * (measure.high - measure.low) ** 2
    if window and window.n:
        fields["window_rewards"] = round(window.n)
        fields["window_mean"] = measure.value(window.sum / window.n)
    return fields
