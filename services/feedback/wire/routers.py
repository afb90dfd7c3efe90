"""What a router's configuration tells feedback to do."""

from turnout.router.v1 import router_pb2 as wire
from turnout.router.v1 import strategy_pb2 as strategy

from services.feedback.measure import Measure
from services.feedback.rules import HORIZON_SECONDS, REWARD_WINDOW, Rules
from services.feedback.wire.bandits import learning_of
from services.feedback.wire.canaries import canary_of
from services.feedback.wire.measures import measures_of
from services.feedback.wire.watching import watched
from services.state import ids
from services.state.agreements import asks_several
from services.state.attribution import ENTITY, EXTERNAL
from services.state.moments import retention
from services.state.names import id_of
from services.state.outcomes import SEGMENT_VALUES, reward_metric

HIDDEN = (wire.REDACTION_HASHED, wire.REDACTION_NONE)


def rules_of(router: wire.Router) -> Rules:
    """The rules of a stored router. Every router has a measure for rewards, also one that does not learn."""
    bandit = router.bandit
    measures = measures_of(router)
    reward = measures[reward_metric(router)]
    rules = Rules(
        uid=router.uid,
        name=router.name,
        generation=router.generation,
        partition=ids.partition_for(router.uid),
        enabled={
            variant.id or id_of(variant.model): variant.enabled or not variant.HasField("enabled")
            for variant in router.variants
        },
        reward=reward,
        measures=measures,
        failure_units=_failure_units(router, reward),
        horizon=retention(router.log.retention, HORIZON_SECONDS),
        window=bandit.reward_window if bandit.HasField("reward_window") else REWARD_WINDOW,
        overall=bandit.window == strategy.REWARD_WINDOW_LAST_N_OVERALL,
        learning=learning_of(bandit, reward) if router.WhichOneof("strategy") == "bandit" else None,
        models=[variant.resolved_model or variant.model for variant in router.variants],
        positive_label=router.task.positive_label,
        segments={one.name: one.max_values or SEGMENT_VALUES for one in router.segments},
        canary=canary_of(router),
        panels=asks_several(router),
        hidden=[word for word in (EXTERNAL, ENTITY) if router.log.redact.get(word) in HIDDEN],
    )
    return watched(router, rules)


def _failure_units(router: wire.Router, reward: Measure) -> int:
    declared = router.failure_reward if router.HasField("failure_reward") else reward.worst
    return reward.units(min(max(declared, reward.low), reward.high))
