"""What an analysis is made from, read in as few round trips as may be.

Which model has a name and which baseline is active hardly ever change between two analyses. So what the last
one was made from is asked for at once, together with whether it still is what is wanted.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from turnout.drift.v1.concept_pb2 import ConceptDrift
from turnout.router.v1.model_pb2 import Model

from services.drift.aligning import Seen
from services.drift.baseline_cache import BaselineCache
from services.drift.baselines import Baseline, Segment
from services.drift.buckets import Cover
from services.drift.cells.blob import UnreadableProfileError
from services.drift.concept.store import ConceptStore
from services.drift.gaps import GapStore
from services.drift.profile_store import ProfileStore
from services.drift.result_store import ResultStore
from services.foundation.errors import TurnoutError

T = TypeVar("T")
# Models and segments of which it is remembered what they were analysed by; beyond, it is asked anew.
MOST_REMEMBERED = 200


class Wanted(NamedTuple):
    """A window of a model's traffic, or of a segment of it. baseline: another one than the active one."""

    window: Cover
    segment: Segment | None = None
    baseline: Baseline | None = None


class Reading(NamedTuple):
    """What was read of a model, by its uid: what it saw and said, on the baseline that it is compared with.

    gaps: buckets of the window that events were lost of. looks: its analyses within a day. concept: what is
    known of its errors.
    """

    uid: str
    seen: Seen
    gaps: int
    looks: int
    concept: ConceptDrift


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads it. `now` is in seconds since 1970."""

    baselines: BaselineCache
    profiles: ProfileStore
    gaps: GapStore
    results: ResultStore
    concepts: ConceptStore
    now: Callable[[], float]
    _last: dict[tuple[str, Segment | None], tuple[str, Baseline]] = field(default_factory=dict)

    async def read(self, name: str, uid: str, wanted: Wanted) -> Reading:
        """Raises BaselineNotFound, StateUnavailable, NewerFormat."""
        seen, gaps, looks, concept = await asyncio.gather(
            self._seen(name, uid, wanted),
            self.gaps.within(wanted.window),
            self.results.looks(uid, self.now()),
            self._concept(uid, wanted.segment),
        )
        return Reading(uid, seen, gaps, looks, concept)

    async def ahead(self, name: str, wanted: Wanted) -> Reading | None:
        """The same before it is known which model has the name, if it is the one that had it last; None where
        nothing is known of it, or it cannot be read: whoever asks again is told why."""
        if (last := self._last.get((name, wanted.segment))) is None:
            return None
        try:
            return await self.read(name, last[0], wanted)
        except (TurnoutError, UnreadableProfileError):
            return None

    async def seen(self, model: Model, wanted: Wanted) -> Seen:
        """What a model saw and said. Raises as `read`."""
        return await self._seen(model.name, model.uid, wanted)

    async def _concept(self, uid: str, segment: Segment | None) -> ConceptDrift:
        """Labels are followed of all of the traffic alone."""
        return ConceptDrift() if segment else await self.concepts.read(uid)

    async def _seen(self, name: str, uid: str, wanted: Wanted) -> Seen:
        if wanted.baseline is not None:
            return Seen(wanted.baseline, await self.profiles.window(wanted.baseline, wanted.window))
        owner, guess = self._last.get((name, wanted.segment), ("", None))
        active = self.baselines.active(name, uid, wanted.segment)
        if guess is None or owner != uid:
            baseline = await active
            profile = await self.profiles.window(baseline, wanted.window)
        else:
            found, guessed = await asyncio.gather(
                active, self.profiles.window(guess, wanted.window), return_exceptions=True
            )
            baseline = _good(found)
            if baseline is guess:
                profile = _good(guessed)
            else:
                # Whatever became of the guess: it is not what is wanted by now.
                profile = await self.profiles.window(baseline, wanted.window)
        if len(self._last) >= MOST_REMEMBERED:
            self._last.clear()
        self._last[name, wanted.segment] = uid, baseline
        return Seen(baseline, profile)


def _good(found: T | BaseException) -> T:
    if isinstance(found, BaseException):
        raise found
    return found
