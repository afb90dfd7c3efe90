"""Too few calls succeed, and peers do better."""

from collections.abc import Sequence
from statistics import median

from services.router.health.rules import Rules
from services.router.health.tally import Tally


def judge(mine: Tally, peers: Sequence[Tally], rules: Rules) -> str:
    """Why the model is condemned for an interval; empty if it is not.

    Its success rate must be below the least one while the median of its peers' is not: where everybody fails
    alike, what they share is to blame (the network, the callers), and taking out one after another would only
    take the rest down. Whoever has too few calls neither is judged nor bears witness.
    """
    if mine.calls < rules.min_requests or mine.success_rate >= rules.min_success_rate:
        return ""
    rates = [peer.success_rate for peer in peers if peer.calls >= rules.min_requests]
    if not rates or median(rates) < rules.min_success_rate:
        return ""
    told = f"{mine.success_rate:.0%} of {mine.calls} calls succeeded"
    return f"{told}, and {median(rates):.0%} of its peers'"
