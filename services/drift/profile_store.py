"""Profiles in Redis: a blob per (baseline, bucket, partition), and in each partition a list of its blobs."""

from collections.abc import Iterable, Mapping
from functools import reduce
from itertools import islice
from typing import Any

from services.drift.baselines import Baseline
from services.drift.buckets import Bucket, Cover
from services.drift.cells.blob import FORMAT, Profile, decode, empty, encode, format_of
from services.drift.folding import bounded
from services.state import drift_keys, formats
from services.state.connection import Connections
from services.state.fenced import Fence, lost
from services.state.ids import PARTITIONS
from services.state.scripts import Arg, Script

# A lost reply is no reason to fear: the blobs are absolute, so writing them twice writes the same.
WRITE_PROFILES = Script("write_profiles", repeatable=True)
# Blobs per read: bounds a reply to a few megabytes.
AT_ONCE = 100


class ProfileStore:
    """Reads and writes profiles; raises StateUnavailable where Redis cannot be reached."""

    def __init__(self, connections: Connections) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady

    async def read(
        self, partition: int, baseline: Baseline, buckets: Iterable[Bucket]
    ) -> Mapping[Bucket, Profile]:
        """The profiles that exist among `buckets`. Raises NewerFormat."""
        wanted = list(buckets)
        found: dict[Bucket, Profile] = {}
        while some := wanted[:AT_ONCE]:
            wanted = wanted[AT_ONCE:]
            places = [drift_keys.profile(partition, baseline.uid, bucket.name) for bucket in some]
            blobs = await self._redis.mget(places)
            found |= {bucket: _read(blob, baseline) for bucket, blob in zip(some, blobs, strict=True) if blob}
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
        """The sum of every partition's buckets in the window. Reads only buckets that exist. Raises
        NewerFormat."""
        total = empty(baseline.sizes)
        listed = await self._listed(baseline.uid)
        for partition, names in listed.items():
            wanted = [bucket for bucket in map(Bucket.named, names) if bucket in window]
            found = await self.read(partition, baseline, wanted)
            total = bounded(baseline, reduce(Profile.plus, found.values(), total))
        return total

    async def forget(self, baseline_uid: str) -> None:
        """Remove every profile on a baseline. What an owner writes at the same moment expires by itself."""
        for partition, names in (await self._listed(baseline_uid)).items():
            places = [drift_keys.profile(partition, baseline_uid, name.decode()) for name in names]
            await self._redis.unlink(drift_keys.profile_buckets(partition, baseline_uid), *places)

    async def _listed(self, baseline_uid: str) -> dict[int, list[bytes]]:
        async with self._redis.pipeline() as pipe:
            for partition in range(PARTITIONS):
                pipe.zrange(drift_keys.profile_buckets(partition, baseline_uid), 0, -1)
            replies = await pipe.execute()
        return {partition: names for partition, names in enumerate(replies) if names}


def _read(blob: bytes, baseline: Baseline) -> Profile:
    formats.check("profile", format_of(blob), FORMAT)
    return decode(blob, baseline.sizes)
