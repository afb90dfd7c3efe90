"""Folds a partition's events into profiles; redelivery and a change of owner never count a row twice."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1.model_pb2 import Model, OutputSpec

from services.drift.answered import said_at, said_by
from services.drift.baseline_cache import BaselineCache
from services.drift.baseline_store import BaselineStore
from services.drift.baselines import Baseline, Role, Segment
from services.drift.completing import Late
from services.drift.counted import Counted
from services.drift.folding import add, bounded
from services.drift.observed import Asked, models_asked, records_of, rows_of
from services.drift.placing import Placed, place
from services.drift.profile_store import ProfileStore
from services.drift.rows import Block, Rows
from services.drift.spelling import is_of
from services.state import keys
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.fenced import Fence
from services.state.logged import Columns
from services.state.packed import PackedEvent


@dataclass(frozen=True)
class Observed:
    """One stream entry: its id, the predictions that it carries, what participants of earlier ones answered
    late, and the predictions' columns, where they were read with it."""

    id: str
    events: Sequence[PackedEvent]
    late: Sequence[Late] = ()
    columns: Columns | None = None

    @cached_property
    def asked(self) -> Sequence[Asked]:
        """Each prediction, with the models that saw it."""
        return [(event, models_asked(event)) for event in self.events]


class Seen(NamedTuple):
    """What of an entry a model saw, by the places of its events, and what it answered late."""

    entry: Observed
    places: list[int]
    late: list[Late]

    @property
    def events(self) -> Sequence[PackedEvent]:
        """The predictions that it saw."""
        events = self.entry.events
        return events if len(self.places) == len(events) else [events[at] for at in self.places]

    @property
    def columns(self) -> Columns | None:
        """Theirs, where they were read with the entry."""
        columns = self.entry.columns
        if columns is None or len(self.places) == len(self.entry.events):
            return columns
        return columns.at(self.places)


@dataclass(frozen=True)
class Watched:
    """What a model's traffic is counted on; the columns of its stacked tensors, and what its output tensors
    are."""

    baselines: Sequence[Baseline]
    columns: tuple[str, ...]
    outputs: OutputSpec | None

    @cached_property
    def parts(self) -> frozenset[Segment | None]:
        """The segments that are counted, None for all of the traffic."""
        return frozenset(one.segment for one in self.baselines)

    def rows(self, name: str, seen: "Seen") -> Mapping[Segment | None, list[Rows]]:
        """What the model saw and answered of an entry, by the segments that are counted; and what it said
        late, of rows that are counted already."""
        alike = defaultdict[tuple[Segment | None, ...], Seen](lambda: Seen(seen.entry, [], []))
        for at, event in zip(seen.places, seen.events, strict=True):
            alike[self._parts_of(event)].places.append(at)
        for late in seen.late if self.listens else ():
            alike[self._parts_of(late.event)].late.append(late)
        found = defaultdict[Segment | None, list[Rows]](list)
        for parts, some in alike.items():
            rows = self._rows(name, some) if parts else []
            for part in parts:
                found[part] += rows
        return found

    def _parts_of(self, event: PredictionEvent | PackedEvent) -> tuple[Segment | None, ...]:
        if len(self.parts) == 1 and None in self.parts:
            return (None,)
        own = event.segments
        return tuple([one for one in self.parts if one is None or is_of(own.get(one.name), one.value)])

    def _rows(self, name: str, seen: "Seen") -> list[Rows]:
        say = (lambda event: said_by(event, name, self.outputs)) if self.listens else None
        rows = records_of(seen.events, self.columns, say, self.features, seen.columns)
        for late in seen.late:
            said = said_at(late.event, late.participant, self.outputs)
            for some in rows_of(late.event, self.columns, said):
                rows += [Block(some.time, 0, {}, one, given=False) for one in some.answers()]
        return rows

    @cached_property
    def features(self) -> frozenset[str]:
        """What is counted of the model's input."""
        roles = [(one.name, one.role) for baseline in self.baselines for one in baseline.features]
        return frozenset(name for name, role in roles if role is Role.FEATURE)

    @cached_property
    def listens(self) -> bool:
        """Whether any baseline has what the model says."""
        return any(feature.role is not Role.FEATURE for one in self.baselines for feature in one.features)


class Profiler:
    """Writes profiles of the models that have an active baseline, or one that is counted beside it.

    `now` is seconds since the epoch. Raises StateUnavailable, LostLease and NewerFormat; whatever was
    written by then is skipped when the same entries come again.
    """

    def __init__(
        self,
        connections: Connections,
        models: ConfigReader[Model],
        baselines: BaselineStore,
        profiles: ProfileStore,
        now: Callable[[], float],
    ) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady
        self._models = models
        self._baselines = baselines
        self._profiles = profiles
        self._now = now
        self._known = BaselineCache(baselines)

    async def fold(self, partition: int, fence: Fence, entries: Sequence[Observed]) -> None:
        """Count the entries' rows, in the partition's order, under a fence of its owner."""
        seen = {entry.id: _seen(entry) for entry in entries}
        watched = await self._watched({name for some in seen.values() for name in some})
        now = self._now()
        for name, one in watched.items():
            rows = {entry: one.rows(name, some[name]) for entry, some in seen.items() if name in some}
            placed: dict[Segment | None, list[Placed]] = {}
            for baseline in one.baselines:
                part = baseline.segment
                if part not in placed:
                    placed[part] = place({entry: some.get(part, ()) for entry, some in rows.items()}, now)
                await self._write(partition, fence, baseline, placed[part], now)

    async def _write(
        self,
        partition: int,
        fence: Fence,
        baseline: Baseline,
        placed: Sequence[Placed],
        now: float,
    ) -> None:
        buckets = {bucket for one in placed for bucket in one.buckets}
        if not buckets:
            return
        stored = await self._profiles.read(partition, baseline, buckets)
        changed = add(baseline, stored, placed)
        if changed:
            whole = {bucket: bounded(baseline, profile) for bucket, profile in changed.items()}
            await self._profiles.write(partition, fence, baseline, whole, now)

    async def _watched(self, names: set[str]) -> dict[str, Watched]:
        """The baselines of each of the models that are counted on some, asked anew for each batch: a row that
        came after a baseline was made is then counted on it, whichever process made it."""
        ordered = sorted(names)
        if not ordered:
            return {}
        found = await self._redis.hmget(keys.catalog_names("models"), ordered)
        uids = {name: uid.decode() for name, uid in zip(ordered, found, strict=True) if uid}
        counted = await self._baselines.counted_of(list(uids.values()))
        return {
            name: await self._load(name, uid, counted[uid]) for name, uid in uids.items() if uid in counted
        }

    async def _load(self, name: str, uid: str, counted: Counted) -> Watched:
        baselines = [await self._known.load(name, uid, one) for one in counted.all()]
        model = await self._models.read_uid(uid)
        if model is None:
            return Watched(baselines, (), None)
        columns = tuple(feature.name for feature in model.signature.features)
        return Watched(baselines, columns, model.signature.outputs)


def _seen(entry: Observed) -> dict[str, Seen]:
    """The entry by the names of the models that saw something of it."""
    found = defaultdict[str, Seen](lambda: Seen(entry, [], []))
    for at, (_, models) in enumerate(entry.asked):
        for name in models:
            found[name].places.append(at)
    for late in entry.late:
        found[late.model].late.append(late)
    return found
