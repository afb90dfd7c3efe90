"""Folds a partition's events into profiles; redelivery and a change of owner never count a row twice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1.model_pb2 import Model

from services.drift.baseline_store import Active, BaselineStore
from services.drift.baselines import Baseline
from services.drift.buckets import Bucket
from services.drift.cells.blob import Profile
from services.drift.folding import Row, bounded, fold
from services.drift.observed import models_asked, rows_of
from services.drift.profile_store import ProfileStore
from services.state import keys
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.fenced import Fence
from services.state.positions import order

# Baselines in memory; beyond, the one that was loaded first is loaded again when it is needed.
KEPT_BASELINES = 200


@dataclass(frozen=True, slots=True)
class Observed:
    """One stream entry: its id, and the predictions that it carries."""

    id: str
    events: Sequence[PredictionEvent]


@dataclass(frozen=True, slots=True)
class Watched:
    """A baseline that a model is compared with, and the columns of the model's stacked tensors."""

    baseline: Baseline
    columns: tuple[str, ...]


class Profiler:
    """Writes profiles of the models that have an active baseline.

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
        self._known: dict[Active, Watched] = {}

    async def fold(self, partition: int, fence: Fence, entries: Sequence[Observed]) -> None:
        """Count the entries' rows, in the partition's order, under a fence of its owner."""
        asked = {id(event): models_asked(event) for entry in entries for event in entry.events}
        watched = await self._watched(set().union(*asked.values()))
        now = self._now()
        for name, one in watched.items():
            rows = {
                entry.id: [
                    row
                    for event in entry.events
                    if name in asked[id(event)]
                    for row in rows_of(event, one.columns)
                ]
                for entry in entries
            }
            await self._write(partition, fence, one.baseline, rows, now)

    async def _write(
        self,
        partition: int,
        fence: Fence,
        baseline: Baseline,
        rows: Mapping[str, list[Row]],
        now: float,
    ) -> None:
        folded = {entry: fold(baseline, some, entry, now) for entry, some in rows.items() if some}
        buckets = {bucket for added in folded.values() for bucket in added}
        stored = await self._profiles.read(partition, baseline, buckets)
        changed = add_unseen(stored, folded)
        if changed:
            whole = {bucket: bounded(baseline, profile) for bucket, profile in changed.items()}
            await self._profiles.write(partition, fence, baseline, whole, now)

    async def _watched(self, names: set[str]) -> dict[str, Watched]:
        """The active baseline of each of the models that have one, asked anew for each batch: a row that came
        after a baseline was made is then counted on it, whichever process made it."""
        ordered = sorted(names)
        if not ordered:
            return {}
        found = await self._redis.hmget(keys.catalog_names("models"), ordered)
        uids = {name: uid.decode() for name, uid in zip(ordered, found, strict=True) if uid}
        active = await self._baselines.active(list(uids.values()))
        return {name: await self._load(name, uid, active[uid]) for name, uid in uids.items() if uid in active}

    async def _load(self, name: str, uid: str, active: Active) -> Watched:
        if active not in self._known:
            baseline = await self._baselines.get(name, uid, active.id)
            model = await self._models.read_uid(uid)
            columns = tuple(feature.name for feature in model.signature.features) if model else ()
            self._known[active] = Watched(baseline, columns)
            if len(self._known) > KEPT_BASELINES:
                del self._known[next(iter(self._known))]
        return self._known[active]


def add_unseen(
    stored: Mapping[Bucket, Profile], folded: Mapping[str, Mapping[Bucket, Profile]]
) -> dict[Bucket, Profile]:
    """Stored profiles with what they do not contain yet added; `folded` is by entry id, in stream order."""
    changed: dict[Bucket, Profile] = {}
    for entry, added in folded.items():
        for bucket, profile in added.items():
            known = changed.get(bucket) or stored.get(bucket)
            if known is None:
                changed[bucket] = profile
            elif order(known.last_entry) < order(entry):
                changed[bucket] = known.plus(profile, entry)
    return changed
