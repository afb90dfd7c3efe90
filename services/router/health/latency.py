"""Much slower than its peers."""

from collections.abc import Sequence
from statistics import median

from services.router.health.rules import Rules
from services.router.health.tally import Tally


def judge(mine: Tally, peers: Sequence[Tally], rules: Rules) -> str:
    """Why the model is condemned for an interval; empty if it is not.

    Its p95 must reach `max_latency_factor` times the median of its peers' p95; a factor of 0 never does. A
    p95 takes `min_requests` answers.
    """
    if not rules.max_latency_factor or len(mine.latencies) < _needed(mine, rules):
        return ""
    theirs = [
        peer.p95 for peer in peers if peer.p95 is not None and len(peer.latencies) >= _needed(peer, rules)
    ]
    if not theirs or mine.p95 is None or mine.p95 < rules.max_latency_factor * median(theirs):
        return ""
    return f"a p95 of {mine.p95 * 1e3:.3g} ms, and {median(theirs) * 1e3:.3g} ms of its peers"


def _needed(tally: Tally, rules: Rules) -> int:
    # No more latencies are kept than these, however many calls the rules want to see.
    return min(rules.min_requests, tally.latencies.maxlen or rules.min_requests)
