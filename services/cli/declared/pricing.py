"""What the change of a router would have earned on the decisions of last week, where their log allows it."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from rich.text import Text
from turnout.feedback.v1 import evaluation_pb2 as evaluation

from services.cli.connecting import Visit
from services.cli.declared.changes import Action, Change
from services.cli.numbers import number
from services.cli.speech import document, plain
from services.foundation.errors import TurnoutError

WEEK = 7 * 86_400
# Thousands of predictions are read and scored.
SECONDS = 60.0
# What decides who answers; a change of anything else earns nothing.
DECIDING = (
    *("variants", "policies", "default_model", "bounds", "health", "segments", "attributes", "ramp"),
    *("weighted", "round_robin", "random", "canary", "feature_based", "bandit", "latency_based"),
    *("least_loaded", "shadow", "best_metric", "cost_aware", "complexity", "ensemble"),
)


@dataclass
class Price:
    """An estimate for a router, or the reason why there is none."""

    router: str
    found: Any = None
    refused: str = ""

    def view(self) -> Text:
        """A sentence or two."""
        if self.found is None:
            return Text(f"{plain(self.router)}: no estimate: {plain(self.refused)}", style="cyan")
        found, gain = self.found, self.found.difference_interval
        verdict = "better" if gain.low > 0 else "worse" if gain.high < 0 else "neither known to be better"
        return Text(
            f"{plain(self.router)}: on last week's decisions it would have earned {number(found.value)} "
            f"({number(found.interval.low)} to {number(found.interval.high)}) of {plain(found.metric)}, "
            f"{found.difference:+.3g} ({gain.low:+.3g} to {gain.high:+.3g}) against what was served: "
            f"{verdict}. {found.observations:,} rewarded decisions, "
            f"worth {found.effective_sample_size:,.0f}; "
            f"{found.confidence:.0%} intervals." + "".join(f"\n  # {plain(one)}" for one in found.warnings),
            style="cyan",
        )

    def document(self) -> Any:
        """The same for machines."""
        return document(self.found) if self.found is not None else {"refused": self.refused}


async def prices(visit: Visit, changes: Sequence[Change], now: float | None = None) -> AsyncIterator[Price]:
    """One for each router whose deciding is to change. `now` in seconds since 1970."""
    for change in changes:
        if change.declared.section == "routers" and change.action is Action.CHANGE:
            paths = {one.path.partition(".")[0].partition("[")[0] for one in change.differences}
            if paths & set(DECIDING):
                yield await _price(visit, change, time.time() if now is None else now)


async def _price(visit: Visit, change: Change, now: float) -> Price:
    name = change.declared.name
    if change.unchecked:
        return Price(name, refused="what it needs is not there yet")
    request = evaluation.EvaluatePolicyRequest(router=name, proposal=change.facts["wanted"])
    request.update_mask.CopyFrom(FieldMask(paths=["*"]))
    request.start_time.FromSeconds(int(now) - WEEK)
    try:
        return Price(name, await visit.to("feedback").ask("EvaluatePolicy", request, SECONDS))
    except TurnoutError as refused:
        return Price(name, refused=f"{refused.message} ({refused.reason})")
