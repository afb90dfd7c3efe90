"""What a caller wants to know of a model, and the answer: load, compare, keep."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from turnout.drift.v1.concept_pb2 import ConceptDrift
from turnout.drift.v1.result_pb2 import DriftResult
from turnout.router.v1.model_pb2 import Model

from services.drift.aligning import Seen, align
from services.drift.analysis import Finding, analyse, compare_features
from services.drift.asked import NOTHING_SPECIAL, Asked
from services.drift.baseline_cache import BaselineCache
from services.drift.baseline_store import BaselineStore
from services.drift.baselines import Baseline, Segment
from services.drift.buckets import Cover
from services.drift.concept.store import ConceptStore
from services.drift.gaps import GapStore
from services.drift.profile_store import ProfileStore
from services.drift.result_store import ResultStore
from services.drift.wire_result import Analysis, Other, write_result
from services.foundation.errors import InvalidArgument
from services.state.connection import Connections
from services.state.ids import new_uid
from services.state.verdicts import EXPIRY_SECONDS, VerdictStore

# Cells and categories that are compared on the event loop: 25 features have 5,000 of them, which take 2 ms;
# a thread of its own doubles that.
AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A model, a window, and how to compare; reference: another model instead of the baseline; baseline:
    another one than the active one; look: id of the result where a schedule asks, which publishes a status of
    its own."""

    model: Model
    window: Cover
    asked: Asked = NOTHING_SPECIAL
    segment: Segment | None = None
    reference: Model | None = None
    baseline: Baseline | None = None
    look: str = ""

    def speaks_for_all(self, now: float) -> bool:
        """Whether the status is the model's own as of late: of no part, no other model, no old story."""
        part = self.segment or self.asked.features
        whole = not (part or self.reference or self.baseline or self.look)
        return whole and self.window.end > now - EXPIRY_SECONDS


@dataclass(frozen=True, slots=True)
class Inquirer:
    """Answers inquiries and keeps the answers. `now` is in seconds since 1970."""

    baselines: BaselineCache
    profiles: ProfileStore
    gaps: GapStore
    results: ResultStore
    verdicts: VerdictStore
    concepts: ConceptStore
    now: Callable[[], float]
    rng: random.Random

    async def answer(self, inquiry: Inquiry) -> DriftResult:
        """The result, kept among the model's; the status of an inquiry into everything is published.

        Raises BaselineNotFound, InvalidArgument, StateUnavailable, NewerFormat.
        """
        model, now = inquiry.model, self.now()
        # Each is a round trip or two, which takes longer to wait for than to read.
        seen, other, gaps, looks, concept = await asyncio.gather(
            self._seen(model, inquiry, inquiry.baseline),
            self._other(inquiry),
            self.gaps.within(inquiry.window),
            self.results.looks(model.uid, now),
            self._concept(inquiry),
        )
        _check_features(inquiry.asked.features, seen.baseline)
        few, told = sum(seen.baseline.sizes) <= AT_ONCE, (seen, other, inquiry.asked)
        finding, reference = _compared(*told) if few else await asyncio.to_thread(_compared, *told)
        own, id_ = seen.baseline, inquiry.look or new_uid(now, self.rng)
        window, asked = inquiry.window, inquiry.asked
        result = write_result(Analysis(id_, own, window, finding, now, gaps, asked, looks + 1, reference))
        # Without a label there is nothing to say of how often it is wrong.
        if concept is not None and concept.signals:
            result.concept.CopyFrom(concept)
        await self.results.write(model.uid, result, now)
        if inquiry.speaks_for_all(now):
            await self.verdicts.publish(model.uid, result)
        return result

    async def _other(self, inquiry: Inquiry) -> Seen | None:
        return await self._seen(inquiry.reference, inquiry) if inquiry.reference else None

    async def _concept(self, inquiry: Inquiry) -> ConceptDrift | None:
        """What is known of the model's errors, where the inquiry is into all of it."""
        if inquiry.segment or inquiry.reference:
            return None
        return await self.concepts.read(inquiry.model.uid)

    async def _seen(self, model: Model, inquiry: Inquiry, baseline: Baseline | None = None) -> Seen:
        if baseline is None:
            baseline = await self.baselines.active(model.name, model.uid, inquiry.segment)
        return Seen(baseline, await self.profiles.window(baseline, inquiry.window))


def inquirer_of(connections: Connections, now: Callable[[], float], rng: random.Random) -> Inquirer:
    """On its connections."""
    return Inquirer(
        BaselineCache(BaselineStore(connections)),
        ProfileStore(connections),
        GapStore(connections),
        ResultStore(connections),
        VerdictStore(connections),
        ConceptStore(connections),
        now,
        rng,
    )


def _compared(seen: Seen, other: Seen | None, asked: Asked) -> tuple[Finding, Other | None]:
    if other is None:
        return analyse(seen.baseline, seen.profile, asked), None
    aligned = align(seen, other, asked.features)
    name = other.baseline.model
    if not aligned.features:
        said = f"has no column to compare: {' '.join(aligned.left_out[:3])}"
        raise InvalidArgument(f"{name} {said}", fields=[("reference_model", said)])
    found = compare_features(aligned.features, seen.profile.rows, asked, own_range=False)
    return found, Other(name, other.profile.rows, aligned.left_out)


def _check_features(names: tuple[str, ...], baseline: Baseline) -> None:
    known = {feature.name for feature in baseline.features}
    for index, name in enumerate(names):
        if name not in known:
            said = f"{name!r} is no feature of {baseline.name}; it has {', '.join(sorted(known)[:20])}"
            raise InvalidArgument(f"features[{index}] {said}", fields=[(f"features[{index}]", said)])
