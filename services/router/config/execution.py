"""What a configuration says of carrying decisions out: fallback, hedging, mirror and limits; defaults and
checks."""

from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration
from turnout.router.v1.router_pb2 import Router

from services.router.config.mentions import variant_named
from services.router.config.problems import Problems
from services.router.config.spans import check_span

RETRY_BUDGET = 0.2
MOST_ATTEMPTS = 10
HEDGE_QUANTILE = 0.95
# Before half of the calls have answered, hedging doubles the load; beyond, 256 samples cannot tell.
LOWEST_QUANTILE, HIGHEST_QUANTILE = 0.5, 0.99
# Seconds.
HEDGE_SECONDS = 0.001
LONGEST_HEDGE = 60.0
SHORTEST_COPY, LONGEST_COPY = 0.001, 3600.0
MIRROR_PERCENTAGE = 100.0
MIRROR_CONCURRENCY = 8
MIRROR_WAITING = 64
MIRROR_BYTES = 1024 * 1024
MOST_COPIES = 1024
MOST_WAITING = 10_000
LARGEST_COPY = 16 * 1024 * 1024
LARGEST_LIMIT = 2**31 - 1


def fill(router: Router) -> None:
    """Write out the defaults of those parts that are given."""
    if router.HasField("fallback"):
        fallback = router.fallback
        if not fallback.HasField("retry_budget"):
            fallback.retry_budget = RETRY_BUDGET
    if router.HasField("hedging"):
        hedging = router.hedging
        if not hedging.HasField("quantile"):
            hedging.quantile = HEDGE_QUANTILE
        if not hedging.HasField("min_delay"):
            hedging.min_delay.CopyFrom(Duration(nanos=int(HEDGE_SECONDS * 1e9)))
    if router.HasField("mirror"):
        mirror = router.mirror
        for field, value in (
            ("percentage", MIRROR_PERCENTAGE),
            ("max_concurrency", MIRROR_CONCURRENCY),
            ("max_waiting", MIRROR_WAITING),
            ("max_input_bytes", MIRROR_BYTES),
        ):
            if not mirror.HasField(field):
                setattr(mirror, field, value)


def check(router: Router, problems: Problems) -> None:
    """Everything about router.fallback, hedging, mirror, limits and shadow, which have their defaults."""
    for part, check_part in (
        ("fallback", _fallback),
        ("hedging", _hedging),
        ("mirror", _mirror),
        ("limits", _limits),
    ):
        if router.HasField(part):
            check_part(router, problems)


def shadow(router: Router, problems: Problems) -> None:
    """Everything about router.shadow, the strategy."""
    _named(router, "router.shadow.primary", router.shadow.primary, problems)
    enabled = {one.id for one in router.variants if one.enabled}
    if variant_named(router, router.shadow.primary) in {one.id for one in router.variants} - enabled:
        problems.add(
            "router.shadow.primary", f"{router.shadow.primary} is disabled; name one that may answer"
        )


def _fallback(router: Router, problems: Problems) -> None:
    fallback, field = router.fallback, "router.fallback"
    if not fallback.variants and not router.hedging.enabled:
        problems.add(f"{field}.variants", "at least one variant, in the order in which they are tried")
    _variants(router, f"{field}.variants", fallback.variants, problems)
    if not 0 <= fallback.retry_budget <= 1:
        problems.add(f"{field}.retry_budget", f"0 to 1, got {fallback.retry_budget:g}")
    if fallback.HasField("max_attempts") and not 1 <= fallback.max_attempts <= MOST_ATTEMPTS:
        problems.add(f"{field}.max_attempts", f"1 to {MOST_ATTEMPTS}, got {fallback.max_attempts}")


def _hedging(router: Router, problems: Problems) -> None:
    hedging, field = router.hedging, "router.hedging"
    if not LOWEST_QUANTILE <= hedging.quantile <= HIGHEST_QUANTILE:
        said = f"{LOWEST_QUANTILE} to {HIGHEST_QUANTILE}, got {hedging.quantile:g}"
        problems.add(f"{field}.quantile", said)
    check_span(hedging.min_delay, f"{field}.min_delay", 0.0, LONGEST_HEDGE, problems)
    if hedging.enabled and router.HasField("ensemble") and not router.policies:
        problems.add(field, "an ensemble asks all of its members at once; nobody is left to race them")


def _mirror(router: Router, problems: Problems) -> None:
    mirror, field = router.mirror, "router.mirror"
    if not mirror.variants and not router.HasField("shadow"):
        problems.add(f"{field}.variants", "at least one variant that sees copies")
    _variants(router, f"{field}.variants", mirror.variants, problems)
    if not 0 <= mirror.percentage <= 100:
        problems.add(f"{field}.percentage", f"0 to 100, got {mirror.percentage:g}")
    _within(f"{field}.max_concurrency", mirror.max_concurrency, 1, MOST_COPIES, problems)
    _within(f"{field}.max_waiting", mirror.max_waiting, 0, MOST_WAITING, problems)
    _within(f"{field}.max_input_bytes", mirror.max_input_bytes, 1, LARGEST_COPY, problems)
    if mirror.HasField("timeout"):
        check_span(mirror.timeout, f"{field}.timeout", SHORTEST_COPY, LONGEST_COPY, problems)


def _limits(router: Router, problems: Problems) -> None:
    limits = router.limits
    for name in ("max_input_bytes", "max_rows", "max_concurrency"):
        if limits.HasField(name):
            _within(f"router.limits.{name}", getattr(limits, name), 1, LARGEST_LIMIT, problems)


def _within(field: str, given: int, least: int, most: int, problems: Problems) -> None:
    if not least <= given <= most:
        problems.add(field, f"{least} to {most}, got {given}")


def _variants(router: Router, field: str, named: Sequence[str], problems: Problems) -> None:
    if len(set(named)) < len(named):
        problems.add(field, "each variant once")
    for place, one in enumerate(named):
        _named(router, f"{field}[{place}]", one, problems)


def _named(router: Router, field: str, named: str, problems: Problems) -> None:
    if not named:
        problems.add(field, "is required: the id of a variant, or its model")
    elif variant_named(router, named) is None:
        problems.add(field, f"{named[:100]!r} is no variant of this router, nor the model of one")
