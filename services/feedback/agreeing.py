"""How often each model agreed with the verdict of late, kept up with the panels of all routers."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.feedback.rulebook import Rulebook
from services.state.agreements import Agreed, Agreements, agreements
from services.state.panels import DAY, PanelStore

# Seconds between two looks at a router: panels are counted within about a second, and a day has many.
AGAIN_SECONDS = 15.0


@dataclass
class PanelWatch:
    """`of` is the agreement of a model over the last day, as it was last looked at. One router is read in a
    round, so that a round costs the same however many there are."""

    rulebook: Rulebook
    store: PanelStore
    _told: Mapping[str, Agreed] = field(default_factory=dict)
    _known: dict[str, Agreements] = field(default_factory=dict)
    _looked: dict[str, float] = field(default_factory=dict)
    _sums: Mapping[str, Agreed] = field(default_factory=dict)

    def begin(self, told: Mapping[str, Agreed]) -> None:
        """Start from what was published, by uid of the model: it stands until all routers are looked at."""
        self._told = told
        self._known.clear()
        self._looked.clear()

    def of(self, uid: str) -> Agreed:
        """Of the model of that uid."""
        return self._sums.get(uid, Agreed())

    async def refresh(self, now: float) -> None:
        """Look at the router whose turn it is. Raises StateUnavailable, NewerFormat."""
        members = self.rulebook.panels()
        for gone in self._looked.keys() - members.keys():
            del self._looked[gone]
            self._known.pop(gone, None)
        uid = min(members, key=lambda uid: (self._looked.get(uid, 0.0), uid), default="")
        if uid and now >= self._looked.get(uid, 0.0) + AGAIN_SECONDS:
            self._known[uid] = await agreements(self.store, uid, now - DAY, now)
            self._looked[uid] = now
        if self._looked.keys() >= members.keys():
            self._told = {}
        self._sums = self._told or self._added(members)

    def _added(self, members: Mapping[str, Mapping[str, str]]) -> Mapping[str, Agreed]:
        sums = defaultdict[str, Agreed](Agreed)
        for router, found in self._known.items():
            for variant, seen in found.members.items():
                if model := members[router].get(variant):
                    sums[model] = sums[model].plus(seen)
        return sums
