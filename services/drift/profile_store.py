"""Profiles in Redis: a blob per (baseline, bucket, partition), and in each partition a list of its blobs."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from services.drift.baselines import Baseline
from services.drift.buckets import Bucket, Cover
from services.drift.cells.blob import FORMAT, FORMAT_BYTES, Profile, decode, encode, format_of
from services.drift.folding import bounded
from services.drift.sums import Part, Sum, Sums, summed
from services.drift.whereabouts import Whereabouts
from services.foundation.logs import log
from services.state import drift_keys, formats
from services.state.connection import Connections
from services.state.fenced import Fence, lost
from services.state.scripts import Arg, Script

# A lost reply is no reason to fear: the blobs are absolute, so writing them twice writes the same.
WRITE_PROFILES = Script("write_profiles", repeatable=True)
READ_CHANGED = Script("read_changed", repeatable=True)
UNCHANGED, NOT_READ = 1, b"\0"
# Blobs per read: bounds a reply to a few megabytes. A window of 90 days is read at once.
AT_ONCE = 200


class ProfileStore:
    """Reads and writes profiles; raises StateUnavailable where Redis cannot be reached. sums: what windows
    added up to, for who asks again and again."""

    def __init__(self, connections: Connections, sums: Sums | None = None) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady
        self._where = Whereabouts(connections.steady, drift_keys.profile_partitions)
        self._sums = sums or Sums(most_bytes=0)

    async def read(
        self, partition: int, baseline: Baseline, buckets: Iterable[Bucket]
    ) -> Mapping[Bucket, Profile]:
        """The profiles that exist among `buckets`. Raises NewerFormat."""
        wanted = list(buckets)
        found: dict[Bucket, Profile] = {}
        while some := wanted[:AT_ONCE]:
            wanted = wanted[AT_ONCE:]
            places = [drift_keys.profile(partition, baseline.uid, bucket.name) for bucket in some]
            blobs = dict(zip(some, await self._redis.mget(places), strict=True))
            known = _known([blob for blob in blobs.values() if blob])
            found |= {
                bucket: decode(blob, baseline.sizes)
                for bucket, blob in blobs.items()
                if blob and blob[:FORMAT_BYTES] in known
            }
        return found

    async def write(
        self,
        partition: int,
        fence: Fence,
        baseline: Baseline,
        profiles: Mapping[Bucket, Profile],
        now: float,
    ) -> None:
        """Write whole profiles, if nobody has taken the partition over. Raises LostLease."""
        await self._where.note(baseline.uid, partition)
        remaining = iter(profiles.items())
        while some := dict(islice(remaining, AT_ONCE)):
            places = [fence.key, drift_keys.profile_buckets(partition, baseline.uid)]
            args: list[Arg] = [fence.token, int(now)]
            for bucket, profile in some.items():
                places.append(drift_keys.profile(partition, baseline.uid, bucket.name))
                args += [bucket.name, bucket.expiry, encode(profile)]
            if not await WRITE_PROFILES(self._redis, places, args):
                raise lost(fence)

    async def window(self, baseline: Baseline, window: Cover) -> Profile:
        """The sum of every partition's buckets in the window: two round trips for a model whose routers are
        in one partition, whatever was logged, and one where that is known. Raises NewerFormat."""
        names = window.names()
        before = self._sums.nearest(baseline.uid, frozenset(names))
        parts = before.parts if before else {}
        found = await self._where.collect(
            baseline.uid, lambda partitions: self._changed(baseline.uid, partitions, names, parts)
        )
        known = _known([blob for _, blob in found if blob])
        parts = {
            place: Part.of(blob) if blob else parts[place]
            for place, blob in found
            if not blob or blob[:FORMAT_BYTES] in known
        }
        total = summed(parts, baseline.sizes, before)
        self._sums.keep(baseline.uid, Sum.of(frozenset(names), parts, total))
        return bounded(baseline, total)

    async def _changed(
        self, baseline_uid: str, partitions: Iterable[int], names: Sequence[str], parts: Mapping[str, Part]
    ) -> list[tuple[str, bytes]]:
        """The profiles of those buckets that there are, by key: empty where they are as in `parts`."""
        found: list[tuple[str, bytes]] = []
        for partition in partitions:
            of = drift_keys.profile(partition, baseline_uid, "")
            places = [of + name for name in names]
            while some := places[:AT_ONCE]:
                places = places[AT_ONCE:]
                blobs = await self._unlike(some, parts)
                found += [
                    (place, b"" if blob == UNCHANGED else blob)
                    for place, blob in zip(some, blobs, strict=True)
                    if blob
                ]
        return found

    async def _unlike(self, places: Sequence[str], parts: Mapping[str, Part]) -> Any:
        """The profile at each place, None where there is none; UNCHANGED where it is as in `parts`."""
        if parts.keys().isdisjoint(places):
            # Through a script they would be copied once more.
            return await self._redis.mget(places)
        began = b"".join(parts[place].beginning if place in parts else NOT_READ for place in places)
        return await READ_CHANGED(self._redis, places, [began])

    async def forget(self, baseline_uid: str) -> None:
        """Remove every profile on a baseline. What an owner writes at the same moment expires by itself."""
        for partition in sorted(await self._where.read(baseline_uid)):
            listed = drift_keys.profile_buckets(partition, baseline_uid)
            names = await self._redis.zrange(listed, 0, -1)
            places = [drift_keys.profile(partition, baseline_uid, name.decode()) for name in names]
            await self._redis.unlink(listed, *places)
        await self._where.forget(baseline_uid)


def _known(blobs: Sequence[bytes]) -> set[bytes]:
    """How those begin that this version reads. What an older one wrote is left out, or nothing would be
    counted beside it any more, and is written over. Raises NewerFormat."""
    found = {blob[:FORMAT_BYTES]: format_of(blob) for blob in blobs}
    for version in found.values():
        formats.check("profile", version, FORMAT)
    if min(found.values(), default=FORMAT) < FORMAT:
        log.warning("profiles of an older version are left out", format=min(found.values()), reads=FORMAT)
    return {beginning for beginning, version in found.items() if version == FORMAT}
