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

    Where the rewards were reset since, that one rests on what is forgotten: what is shown is the allocation
    that the reset leads to, under the former version until it is published. costs: what a prediction of each
    variant is declared to cost. now: in seconds since 1970.
    """
    if published is None or published.learner_generation == standing.states.resets:
        counts = snapshot_of(rules, standing, NOT_ALLOTTED, now)
        return with_posteriors(as_published(counts, published), rules)
    (found,) = allot_all([Account(rules, standing.windows, standing.states.arms, costs=costs)])
    snapshot = snapshot_of(rules, standing, found if isinstance(found, Allotted) else NOT_ALLOTTED, now)
    snapshot.version = published.version
    return with_posteriors(snapshot, rules)
