"""How right each model was of late, kept up with the windows of its labels and errors in every partition."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.feedback.crediting import accuracy_of, errors_of, log_losses_of, pairs_of
from services.feedback.figures import Labelled, Quality, quality_of
from services.feedback.rulebook import Rulebook
from services.state import labels
from services.state.claims import Learner
from services.state.rewards import RewardStore

# Windows whose versions are asked for in a round, and models whose windows are read: what is left has its
# turn in the next one.
VERSIONS = 2000
MODELS = 50


@dataclass
class LabelWatch:
    """`known` is the quality of each model that has labels, by uid, of the moment it was last looked at."""

    rulebook: Rulebook
    rewards: RewardStore
    known: dict[str, Quality] = field(default_factory=dict)
    nothing: Quality = field(default_factory=Quality)
    _seen: dict[Learner, bytes] = field(default_factory=dict)
    _positive: Mapping[str, str] = field(default_factory=dict)
    _turn: int = 0

    def begin(self, told: Mapping[str, Quality]) -> None:
        """Start from what was published, by uid; everything is looked at again."""
        self.known = {uid: quality for uid, quality in told.items() if quality.known}
        self._seen.clear()
        self._turn = 0

    async def refresh(self) -> None:
        """Look at some windows, and read those of models with new truths. Raises StateUnavailable."""
        places: dict[str, list[Learner]] = {}
        for learners in self.rulebook.models_in_use().values():
            for one in learners:
                # Of a label, the pairs are written last: when they have changed, so has the rest.
                watched = pairs_of(one.partition, one.uid), errors_of(one.partition, one.uid)
                places.setdefault(one.uid, []).extend(watched)
        self._forget(places)
        asked = self._next([one for some in places.values() for one in some])
        versions = dict(zip(asked, await self.rewards.versions(asked), strict=True))
        changed = [one for one, version in versions.items() if version != self._seen.get(one, b"")]
        for uid in list(dict.fromkeys(one.uid for one in changed))[:MODELS]:
            partitions = sorted({one.partition for one in places[uid]})
            self.known[uid] = await self._quality(uid, partitions)
            self._seen |= {one: versions[one] for one in changed if one.uid == uid}

    def _forget(self, places: Mapping[str, list[Learner]]) -> None:
        used = {one for some in places.values() for one in some}
        positive = self.rulebook.positive_labels()
        # Another positive label makes another precision of the same labels.
        self._seen = {
            one: version
            for one, version in self._seen.items()
            if one in used and positive.get(one.uid) == self._positive.get(one.uid)
        }
        self._positive = positive

    def _next(self, learners: list[Learner]) -> list[Learner]:
        """The windows whose turn it is, in an order that stays."""
        learners.sort()
        begin = self._turn if self._turn < len(learners) else 0
        self._turn = begin + VERSIONS
        return learners[begin : begin + VERSIONS]

    async def _quality(self, uid: str, partitions: Sequence[int]) -> Quality:
        named = await labels.names(self.rewards.redis, [(partition, uid) for partition in partitions])
        parts = []
        for partition, names in zip(partitions, named, strict=True):
            places = (
                accuracy_of(partition, uid),
                pairs_of(partition, uid),
                log_losses_of(partition, uid),
                errors_of(partition, uid),
            )
            read = await asyncio.gather(*(self.rewards.windows(one, [uid]) for one in places))
            shares, pairs, losses, errors = (windows[uid] for windows in read)
            parts.append(Labelled(shares, pairs, names, losses, errors))
        return quality_of(parts, self._positive.get(uid, ""))
