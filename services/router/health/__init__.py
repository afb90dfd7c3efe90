"""Health: who is taken out of service, for how long, and how they come back.

The table has what is asked of a model at the end of each of its intervals, by the name that the metrics give
it; failures in a row (consecutive.py) are looked at with each call.
"""

from collections.abc import Callable, Sequence

from services.router.health import latency, success_rate
from services.router.health.rules import Rules
from services.router.health.tally import Tally

Judge = Callable[[Tally, Sequence[Tally], Rules], str]

INTERVAL_JUDGES: dict[str, Judge] = {
    "success_rate": success_rate.judge,
    "latency": latency.judge,
}
