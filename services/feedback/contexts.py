"""The contexts that rewards came in: from the records of their predictions, kept while their rewards are."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from services.feedback.policies.arms import Floats
from services.feedback.policies.earned import UNITS
from services.feedback.policies.learning import Learning
from services.feedback.policies.lin_ucb import Regression, regress
from services.feedback.windows import Windows
from services.state.records import RecordStore

# Records in one round trip: bounds a reply to a few megabytes.
AT_ONCE = 500


class Fitted(NamedTuple):
    """Regressions by arm, and the mean of all rewards that is taken off each: shares of the range, where more
    is better."""

    arms: Mapping[str, Regression]
    centre: float


@dataclass
class Contexts:
    """Reads records once each. What is kept is bounded by the windows of the routers that are asked for."""

    records: RecordStore
    # By router uid: by prediction, its context; None where it has none, or is not recorded any more.
    _kept: dict[str, dict[str, tuple[float, ...] | None]] = field(default_factory=dict)

    async def fit(self, uid: str, learning: Learning, windows: Windows, minimize: bool) -> Fitted:
        """Of each arm, the regression of the rewards in its window on their contexts. Rewards of predictions
        without a context of as many features are left out. Raises StateUnavailable, NewerFormat."""
        names = {arm: _names(entries) for arm, entries in windows.items()}
        known = await self._known(uid, {name for some in names.values() for name in some})
        merits, rows = {}, {}
        for arm, entries in windows.items():
            pairs = [
                (units, (1.0, *context))
                for units, name in zip(entries["units"].tolist(), names[arm], strict=True)
                if (context := known[name]) is not None and len(context) == len(learning.features)
            ]
            shares = np.array([units for units, _ in pairs]) / UNITS
            merits[arm] = 1 - shares if minimize else shares
            rows[arm] = np.array([row for _, row in pairs]).reshape(-1, len(learning.features) + 1)
        return _fitted(merits, rows, learning.ridge)

    def keep(self, uids: set[str]) -> None:
        """Forget all routers but these."""
        self._kept = {uid: some for uid, some in self._kept.items() if uid in uids}

    async def _known(self, uid: str, wanted: set[str]) -> Mapping[str, tuple[float, ...] | None]:
        before = self._kept.get(uid, {})
        known = {name: before[name] for name in wanted & before.keys()}
        missing = sorted(wanted - before.keys())
        for first in range(0, len(missing), AT_ONCE):
            some = missing[first : first + AT_ONCE]
            found = await self.records.read_many(some)
            for name in some:
                record = found.get(name)
                context = record.event.manifest.decision.context if record is not None else ()
                known[name] = tuple(context) or None
        self._kept[uid] = known
        return known


def _fitted(merits: Mapping[str, Floats], rows: Mapping[str, Floats], ridge: float) -> Fitted:
    together = np.concatenate([*merits.values(), np.zeros(0)])
    centre = float(together.mean()) if len(together) else 0.5
    return Fitted({arm: regress(rows[arm], merits[arm] - centre, ridge) for arm in merits}, centre)


def _names(entries: Any) -> list[str]:
    halves = zip(entries["id_high"].tolist(), entries["id_low"].tolist(), strict=True)
    return [str(uuid.UUID(int=(high << 64) | low)) for high, low in halves]
