"""Draws in the event stream: how often each arm was drawn, how often what was drawn failed."""

from collections import Counter
from collections.abc import Iterable

from turnout.inference.v1.event_pb2 import PredictionEvent

from services.feedback.wire.records import drawn_failed, drawn_variant
from services.state.pulls import Pulls


def counts_of(events: Iterable[PredictionEvent]) -> dict[tuple[str, str], Pulls]:
    """Draws and failures by (router uid, variant)."""
    drawn: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    for event in events:
        if variant := drawn_variant(event):
            arm = (event.router_uid, variant)
            drawn[arm] += 1
            failed[arm] += drawn_failed(event)
    return {arm: Pulls(count, failed[arm]) for arm, count in drawn.items()}
