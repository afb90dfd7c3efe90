"""What goes with any strategy: stickiness, ramp, bounds and feedback; their defaults and checks."""

from turnout.router.v1.router_pb2 import FEEDBACK_REPEATS_REPLACE, Router

from services.router.config.problems import Problems
from services.router.config.spans import check_span

LONGEST_SALT = 128
PIN_DAYS = 7
DAY = 86_400
# Seconds. Below, a pin expires between two requests; above, nobody remembers what it was for.
SHORTEST_PIN, LONGEST_PIN = 60.0, 90.0 * DAY
# A ramp has twenty steps: each must last longer than a request.
SHORTEST_RAMP, LONGEST_RAMP = 1.0, 30.0 * DAY
RAMP_START = 0.1
# Their shares are what they say: a floor would send traffic where they send none.
UNBOUNDED = frozenset({"canary", "shadow", "feature_based", "ensemble"})


def fill(router: Router) -> None:
    """Write out the defaults of those that are given."""
    router.feedback_repeats = router.feedback_repeats or FEEDBACK_REPEATS_REPLACE
    if router.HasField("stickiness") and router.stickiness.pin and not router.stickiness.HasField("pin_ttl"):
        router.stickiness.pin_ttl.FromSeconds(PIN_DAYS * DAY)
    if router.HasField("ramp") and not router.ramp.HasField("start"):
        router.ramp.start = RAMP_START
    if router.HasField("bounds"):
        for name, value in (("floor", 0.0), ("cap", 1.0)):
            if not router.bounds.HasField(name):  # type: ignore[arg-type,unused-ignore]
                setattr(router.bounds, name, value)


def check(router: Router, problems: Problems) -> None:
    """Everything about router.stickiness, ramp and bounds."""
    if router.HasField("stickiness"):
        _stickiness(router, problems)
    if router.HasField("ramp"):
        _ramp(router, problems)
    if router.HasField("bounds"):
        _bounds(router, problems)


def _stickiness(router: Router, problems: Problems) -> None:
    given, field = router.stickiness, "router.stickiness"
    if len(given.salt) > LONGEST_SALT:
        problems.add(f"{field}.salt", f"at most {LONGEST_SALT} characters, got {len(given.salt)}")
    if given.pin and not given.enabled:
        problems.add(f"{field}.pin", "goes with enabled: true")
    if given.HasField("pin_ttl"):
        check_span(given.pin_ttl, f"{field}.pin_ttl", SHORTEST_PIN, LONGEST_PIN, problems)
        if not given.pin:
            problems.add(f"{field}.pin_ttl", "goes with pin: true")


def _ramp(router: Router, problems: Problems) -> None:
    if not router.ramp.HasField("duration"):
        problems.add("router.ramp.duration", "is required: how long a newcomer grows, such as 600s")
    else:
        check_span(router.ramp.duration, "router.ramp.duration", SHORTEST_RAMP, LONGEST_RAMP, problems)
    if not 0 < router.ramp.start <= 1:
        problems.add("router.ramp.start", f"above 0 and at most 1, got {router.ramp.start:g}")


def _bounds(router: Router, problems: Problems) -> None:
    strategy, bounds = router.WhichOneof("strategy") or "weighted", router.bounds
    if strategy in UNBOUNDED:
        problems.add("router.bounds", f"{strategy} says itself who gets which share; leave them out")
        return
    enabled = sum(one.enabled for one in router.variants)
    if not (bounds.floor >= 0 and bounds.floor * enabled <= 1):
        said = f"0 to 1/{enabled} for {enabled} enabled variants, got {bounds.floor:g}"
        problems.add("router.bounds.floor", said)
    if not (bounds.cap <= 1 and bounds.cap * enabled >= 1 and bounds.cap >= bounds.floor):
        said = f"1/{enabled} to 1 for {enabled} enabled variants, got {bounds.cap:g}"
        problems.add("router.bounds.cap", said)
