"""What a router has learnt, as people are shown it: the newest counts, and an allocation beside them."""

from collections.abc import Mapping

from turnout.feedback.v1.rewards_pb2 import RewardSnapshot

from services.feedback.allotment import Account, Allotted, allot_all
from services.feedback.rules import Rules
from services.feedback.standings import Standing
from services.feedback.wire.snapshots import NOT_ALLOTTED, as_published, snapshot_of, with_posteriors


def shown(
    rules: Rules, standing: Standing, published: RewardSnapshot | None, costs: Mapping[str, float], now: float
) -> RewardSnapshot:
    """The standing with the allocation that was published last, which is in force.

    Before the first one, and where it rests on rewards that were reset since, what is shown is the allocation
    that will be published, under the former version until then. costs: what a prediction of each variant is
    declared to cost. now: in seconds since 1970.
    """
    if published is not None and published.learner_generation == standing.states.resets:
        counts = snapshot_of(rules, standing, NOT_ALLOTTED, now)
        return with_posteriors(as_published(counts, published), rules)
    (found,) = allot_all([Account(rules, standing.windows, standing.states.arms, costs=costs)])
    snapshot = snapshot_of(rules, standing, found if isinstance(found, Allotted) else NOT_ALLOTTED, now)
    snapshot.version = published.version if published is not None else 0
    return with_posteriors(snapshot, rules)
