"""One analysis of a look: the window of a model, or of a segment of its traffic, against its baseline."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from turnout.drift.v1.concept_pb2 import ConceptDrift
from turnout.drift.v1.segment_pb2 import Segment
from turnout.router.v1.model_pb2 import Model

from services.drift.alerts.conditions import segment_key
from services.drift.asked import Asked
from services.drift.buckets import cover
from services.drift.errors import BaselineNotFound
from services.drift.inquiry import Inquirer, Inquiry
from services.drift.schedule.findings import Finding
from services.drift.wire import read_segment
from services.state.ids import new_uid


class Span(NamedTuple):
    """What a look looks at, in seconds since 1970, and the number of the look."""

    start: float
    end: float
    look: int


@dataclass(frozen=True, slots=True)
class Analyst:
    """Makes and keeps the analyses of looks; `concept` says what detectors make of a model's errors, by its
    uid; None where nobody watches them."""

    inquirer: Inquirer
    concept: Callable[[str], Awaitable[ConceptDrift]] | None = None

    async def find(
        self, model: Model, span: Span, features: Sequence[str], segment: Segment | None
    ) -> Finding:
        """What a look finds; features that the baseline has not are left out. Raises StateUnavailable,
        NewerFormat."""
        part = read_segment(segment) if segment is not None else None
        try:
            baseline = await self.inquirer.reader.baselines.active(model.name, model.uid, part)
            known = {feature.name for feature in baseline.features}
            chosen = tuple(name for name in features if name in known)
            if features and not chosen:
                return Finding(segment, None, f"{baseline.name} has none of the schedule's features.")
            window = cover(span.start, span.end, self.inquirer.now())
            inquiry = Inquiry(model, window, Asked(chosen), part, look=_result_id(model, span, segment))
            return Finding(segment, await self.inquirer.answer(inquiry), baseline=baseline.uid)
        except BaselineNotFound as missing:
            return Finding(segment, None, missing.message)


def _result_id(model: Model, span: Span, segment: Segment | None) -> str:
    """The same whoever makes this look, and makes it again: it is kept once."""
    made = random.Random(f"{model.uid} {span.look} {span.start} {span.end} {segment_key(segment)}")
    return new_uid(span.end, made)
