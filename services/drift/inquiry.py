"""What a caller wants to know of a model, and the answer: load, compare, keep."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from turnout.drift.v1.result_pb2 import DriftResult
from turnout.router.v1.model_pb2 import Model

from services.drift.aligning import Seen, align
from services.drift.analysis import Finding, analyse, compare_models
from services.drift.asked import NOTHING_SPECIAL, Asked
from services.drift.baseline_cache import BaselineCache
from services.drift.baseline_store import BaselineStore
from services.drift.baselines import Baseline, Segment
from services.drift.buckets import Cover
from services.drift.concept.store import ConceptStore
from services.drift.gaps import GapStore
from services.drift.profile_store import ProfileStore
from services.drift.reading import Reader, Reading, Wanted
from services.drift.reference import Reference, References
from services.drift.result_store import ResultStore
from services.drift.sums import Sums
from services.drift.wire_result import Analysis, Other, write_result
from services.foundation.errors import InvalidArgument
from services.state.connection import Connections
from services.state.ids import new_uid
from services.state.joined import joined
from services.state.verdicts import EXPIRY_SECONDS, VerdictStore

# Cells and categories that are compared on the event loop: 25 features have 5,000 of them, which take 1 ms;
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

    reader: Reader
    results: ResultStore
    verdicts: VerdictStore
    now: Callable[[], float]
    rng: random.Random
    references: References = field(default_factory=References)

    async def answer(
        self, inquiry: Inquiry, ahead: Reading | None = None, into: DriftResult | None = None
    ) -> DriftResult:
        """The result, kept among the model's; the status of an inquiry into everything is published beside
        it, and is true also where the result could not be kept.

        ahead: what was read for it already, as far as it was known. into: an empty message to write it into.
        Raises BaselineNotFound, InvalidArgument, StateUnavailable, NewerFormat.
        """
        model, now = inquiry.model, self.now()
        (_, seen, gaps, looks, concept), other = await asyncio.gather(
            self._read(inquiry, ahead), self._other(inquiry)
        )
        _check_features(inquiry.asked.features, seen.baseline)
        own_reference = self.references.of(seen.baseline.uid, seen.baseline.features)
        few, told = own_reference.size <= AT_ONCE, (seen, other, inquiry.asked, own_reference)
        finding, reference = _compared(*told) if few else await asyncio.to_thread(_compared, *told)
        own, id_ = seen.baseline, inquiry.look or new_uid(now, self.rng)
        window, asked = inquiry.window, inquiry.asked
        found = Analysis(id_, own, window, finding, now, gaps, asked, looks + 1, reference)
        result = write_result(found, into)
        # Without a label there is nothing to say of how often it is wrong.
        if concept.signals and not inquiry.reference:
            result.concept.CopyFrom(concept)
        await asyncio.gather(
            self.results.write(model.uid, result, now, own.uid), self._publish(inquiry, result, now)
        )
        return result

    async def _publish(self, inquiry: Inquiry, result: DriftResult, now: float) -> None:
        if inquiry.speaks_for_all(now):
            await self.verdicts.publish(inquiry.model.uid, result)

    async def _read(self, inquiry: Inquiry, ahead: Reading | None) -> Reading:
        model, wanted = inquiry.model, Wanted(inquiry.window, inquiry.segment, inquiry.baseline)
        if ahead is not None and ahead.uid == model.uid:
            return ahead
        return await self.reader.read(model.name, model.uid, wanted)

    async def _other(self, inquiry: Inquiry) -> Seen | None:
        if inquiry.reference is None:
            return None
        return await self.reader.seen(inquiry.reference, Wanted(inquiry.window, inquiry.segment))


def inquirer_of(connections: Connections, now: Callable[[], float], rng: random.Random) -> Inquirer:
    """On its connections."""
    connections = joined(connections)
    results = ResultStore(connections)
    reader = Reader(
        BaselineCache(BaselineStore(connections)),
        ProfileStore(connections, Sums()),
        GapStore(connections),
        results,
        ConceptStore(connections),
        now,
    )
    return Inquirer(reader, results, VerdictStore(connections), now, rng)


def _compared(seen: Seen, other: Seen | None, asked: Asked, own: Reference) -> tuple[Finding, Other | None]:
    if other is None:
        return analyse(seen.baseline, seen.profile, asked, own), None
    aligned = align(seen, other, asked.features)
    name = other.baseline.model
    if not aligned.features:
        said = f"has no column to compare: {' '.join(aligned.left_out[:3])}"
        raise InvalidArgument(f"{name} {said}", fields=[("reference_model", said)])
    found = compare_models(aligned, seen.profile.rows, asked)
    return found, Other(name, other.profile.rows, aligned.left_out)


def _check_features(names: tuple[str, ...], baseline: Baseline) -> None:
    known = {feature.name for feature in baseline.features}
    for index, name in enumerate(names):
        if name not in known:
            said = f"{name!r} is no feature of {baseline.name}; it has {', '.join(sorted(known)[:20])}"
            raise InvalidArgument(f"features[{index}] {said}", fields=[(f"features[{index}]", said)])
