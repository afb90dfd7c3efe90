"""Baselines in memory: what one uid names never changes, and reading one takes milliseconds."""

from services.drift.baseline_store import BaselineStore
from services.drift.baselines import Baseline, Segment
from services.drift.counted import Active

# Beyond, the one that was loaded first is loaded again when it is needed.
KEPT_BASELINES = 200


class BaselineCache:
    """Which baseline is active is asked anew each time; its body is read once."""

    def __init__(self, store: BaselineStore, kept: int = KEPT_BASELINES) -> None:
        self._store = store
        self._kept = kept
        self._known: dict[Active, Baseline] = {}

    async def active(self, model: str, model_uid: str, segment: Segment | None = None) -> Baseline:
        """The model's active baseline of a segment, or of all traffic. Raises BaselineNotFound,
        StateUnavailable, NewerFormat."""
        actives = (await self._store.actives([model_uid])).get(model_uid, {})
        active = actives.get(segment)
        if active is None:
            # The store's own words for what is not there.
            return await self._store.get_active(model, model_uid, segment)
        return await self.load(model, model_uid, active)

    async def load(self, model: str, model_uid: str, active: Active) -> Baseline:
        """The baseline that `active` names. Raises BaselineNotFound, StateUnavailable, NewerFormat."""
        if active not in self._known:
            self._known[active] = await self._store.get(model, model_uid, active.id)
            if len(self._known) > self._kept:
                del self._known[next(iter(self._known))]
        return self._known[active]
