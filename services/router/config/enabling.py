"""When each variant was last added or enabled: what ramps count from."""

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.router.v1.router_pb2 import Router


def stamp_enabled(before: Router | None, after: Router, now: float) -> None:
    """Keep the times of variants that were enabled before, set `now` (seconds since 1970) for the others.

    A caller does not set them: what a request carries is replaced.
    """
    former = {variant.id: variant for variant in before.variants} if before else {}
    moment = Timestamp()
    moment.FromNanoseconds(int(now * 1e9))
    for variant in after.variants:
        known = former.get(variant.id)
        variant.ClearField("enable_time")
        if known is not None and known.HasField("enable_time") and (known.enabled or not variant.enabled):
            variant.enable_time.CopyFrom(known.enable_time)
        elif variant.enabled and not (known is not None and known.enabled):
            variant.enable_time.CopyFrom(moment)
