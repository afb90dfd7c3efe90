"""Reads observations: decisions from the records of predictions, rewards from what was reported of them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from turnout.inference.v1.event_pb2 import PredictionRecord

from services.feedback.measure import Measure
from services.feedback.offpolicy.observed import HELD, UNDRAWN, Draw, Log, observations
from services.feedback.rules import Rules
from services.feedback.wire.draws import draw_of
from services.feedback.wire.records import drawn_failed, drawn_variant
from services.state.earned import Earned, EarnedReader, Scale
from services.state.records import RecordStore

# Read at once: a moment of the event loop, and some hundred kilobytes.
RECORDS_AT_ONCE = 250


class Span(NamedTuple):
    """Which predictions: times in seconds since 1970, and how many at the most, the newest."""

    start: float
    end: float | None
    most: int


class Gathered(NamedTuple):
    """Observations, and how many predictions were read for them; whether there were more."""

    log: Log
    read: int
    more: bool


@dataclass(frozen=True, slots=True)
class Gathering:
    """`now` is in seconds since 1970. Raises StateUnavailable and NewerFormat."""

    records: RecordStore
    earned: EarnedReader
    now: Callable[[], float]

    async def gather(self, rules: Rules, measure: Measure, span: Span) -> Gathered:
        """The observations of a router."""
        draws: list[Draw] = []
        left_out, read, token = Counter[str](), 0, ""
        while read < span.most:
            page = await self.records.list(
                rules.uid,
                self.now(),
                start=span.start,
                end=span.end,
                page_size=min(RECORDS_AT_ONCE, span.most - read),
                page_token=token,
            )
            read += len(page.records)
            draws += await self._draws(rules, measure, page.records, left_out)
            token = page.next_page_token
            if not token:
                break
        return Gathered(observations(reversed(draws), left_out), read, bool(token))

    async def _draws(
        self, rules: Rules, measure: Measure, records: Sequence[PredictionRecord], left_out: Counter[str]
    ) -> list[Draw]:
        drawn = []
        for record in records:
            decision = record.event.manifest.decision
            if drawn_variant(record.event):
                drawn.append(record)
            else:
                left_out[HELD if decision.held or decision.displaced else UNDRAWN] += 1
        scale = Scale(measure.name, measure.low, measure.high)
        earned = await self.earned.read(rules.uid, [scale], drawn)
        return [draw_of(record.event, _reward(record, rules, measure, earned)) for record in drawn]


def _reward(record: PredictionRecord, rules: Rules, measure: Measure, earned: Earned) -> float | None:
    """The mean over the rows that have one. What failed has the router's reward of failures, or the worst of
    another metric, whoever served instead."""
    event = record.event
    name = event.manifest.prediction_id
    told = [earned.get((name, row), {}).get(measure.name) for row in range(max(1, event.rows))]
    found = [value for value in told if value is not None]
    if found:
        return sum(found) / len(found)
    if drawn_failed(event):
        return measure.value(rules.failure_units) if measure == rules.reward else measure.worst
    return None
