"""Buckets in memory: what is past changes seldom, and its version tells whether it did."""

from collections import OrderedDict
from collections.abc import Sequence

from services.state.buckets import Bucket
from services.state.qualities import Counted, QualityStore

# Some tens of megabytes: the days of 90 of hundreds of models.
MOST_SUMS = 200_000

Place = tuple[str, Bucket]


class Remembered:
    """Reads qualities. Everything raises StateUnavailable and NewerFormat."""

    def __init__(self, store: QualityStore) -> None:
        self._store = store
        self._held: OrderedDict[Place, Counted] = OrderedDict()
        self._sums = 0

    async def read(self, uid: str, buckets: Sequence[Bucket]) -> dict[Bucket, Counted]:
        """Those of the buckets that hold anything, as they are now; not to be changed."""
        versions = dict(zip(buckets, await self._store.versions(uid, buckets), strict=True))
        found, changed = dict[Bucket, Counted](), list[Bucket]()
        for bucket, version in versions.items():
            held = self._held.get((uid, bucket))
            if held is not None and held.version == version:
                found[bucket] = held
                self._held.move_to_end((uid, bucket))
            elif version:
                changed.append(bucket)
        for bucket, counted in (await self._store.read(uid, changed)).items() if changed else ():
            found[bucket] = counted
            self._keep((uid, bucket), counted)
        return found

    def _keep(self, place: Place, counted: Counted) -> None:
        if (former := self._held.pop(place, None)) is not None:
            self._sums -= _size(former)
        self._held[place] = counted
        self._sums += _size(counted)
        while self._sums > MOST_SUMS and len(self._held) > 1:
            self._sums -= _size(self._held.popitem(last=False)[1])


def _size(counted: Counted) -> int:
    return sum(len(one.counts) for one in counted.sums.values())
