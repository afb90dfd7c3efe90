"""The groups that a bucket of traffic counts predictions in: bounded, whatever variants and segments come."""

from collections import defaultdict

from turnout.feedback.v1.traffic_pb2 import TrafficBucket, TrafficGroup

from services.state.outcomes import OTHER
from services.state.parts import part_key, part_of

# Variants times policies of one router; beyond, what is new is counted together.
MOST_GROUPS = 500
# As many again are told apart within segments; beyond, segments alone are.
MOST_SEGMENT_GROUPS = 500
# Names of segments in one hour, however often the router was written.
MOST_NAMES = 32

Key = tuple[str, str, str]


class Groups:
    """Finds or makes the groups of a bucket that is open."""

    __slots__ = ("_bucket", "_by_key", "_counted", "_values")

    def __init__(self, bucket: TrafficBucket) -> None:
        self._bucket = bucket
        self._by_key: dict[Key, TrafficGroup] = {}
        self._values: defaultdict[str, set[str]] = defaultdict(set)
        # Groups that count each prediction once, and those of segments.
        self._counted = [0, 0]
        for group in bucket.groups:
            self._note((group.variant, group.policy, group.segment), group)

    def of(self, variant: str, policy: str) -> TrafficGroup:
        """The group that counts a prediction once."""
        key = (variant, policy, "")
        if key not in self._by_key and self._counted[False] >= MOST_GROUPS:
            key = (OTHER, OTHER, "")
        return self._group(key)

    def of_segment(self, name: str, value: str, most: int, variant: str, policy: str) -> TrafficGroup:
        """The group of a segment that counts the same prediction once more; `most` values are told apart."""
        if name not in self._values and len(self._values) >= MOST_NAMES:
            name, value = OTHER, OTHER
        known = self._values[name]
        # OTHER takes nobody's place.
        if value not in known and len(known - {OTHER}) >= most:
            value = OTHER
        segment = part_key(name, value)
        key = (variant, policy, segment)
        if key not in self._by_key and self._counted[True] >= MOST_SEGMENT_GROUPS:
            key = (OTHER, OTHER, segment)
        return self._group(key)

    def _group(self, key: Key) -> TrafficGroup:
        if key not in self._by_key:
            variant, policy, segment = key
            self._note(key, self._bucket.groups.add(variant=variant, policy=policy, segment=segment))
        return self._by_key[key]

    def _note(self, key: Key, group: TrafficGroup) -> None:
        self._by_key[key] = group
        self._counted[bool(key[2])] += 1
        if key[2]:
            name, value = part_of(key[2])
            self._values[name].add(value)
