"""What a router says of carrying its decisions out, read once per plan. Routers that say nothing have none of
it, and their predictions ask for it once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from turnout.router.v1.router_pb2 import Fallback, Hedging, Router, ShadowSet

from services.router.config import execution as defaults
from services.router.config.mentions import variant_named


class Link(NamedTuple):
    """A variant beside the one that is drawn, and why it may not be asked now; empty if it may."""

    variant: str
    barred: str = ""


class Hedge(NamedTuple):
    """A second call starts after this quantile of the model's latency, and never before `least` seconds."""

    quantile: float
    least: float


class Mirror(NamedTuple):
    """Who sees copies of the traffic, and of which share of it (0 to 1). concurrency, waiting: most copies in
    flight and in line per process; seconds: what a copy has beside the model's own timeout; largest: bytes of
    an input that is still copied."""

    links: tuple[Link, ...]
    share: float
    concurrency: int
    waiting: int
    seconds: float
    largest: int


class Limits(NamedTuple):
    """What the router takes; 0 where it says nothing."""

    bytes: int = 0
    rows: int = 0
    concurrency: int = 0


@dataclass(frozen=True, slots=True)
class Carrying:
    """chain: who is asked when the drawn variant fails, in this order; attempts: most calls of a prediction;
    budget: second calls in flight as a share of predictions in flight."""

    chain: tuple[Link, ...]
    attempts: int
    budget: float
    hedge: Hedge | None
    mirror: Mirror | None
    limits: Limits


def compile_carrying(router: Router, barred: Mapping[str, str]) -> Carrying | None:
    """What the router says; None where that is nothing. `barred` tells by variant id why it is out: disabled,
    or ejected until when."""
    given = Carrying(
        chain=tuple(_links(router, router.fallback.variants, barred)),
        attempts=_attempts(router.fallback),
        budget=_or(router.fallback, "retry_budget", defaults.RETRY_BUDGET),
        hedge=_hedge(router.hedging),
        mirror=_mirror(router, barred),
        limits=Limits(router.limits.max_input_bytes, router.limits.max_rows, router.limits.max_concurrency),
    )
    says = given.chain or given.hedge or given.mirror or any(given.limits)
    return given if says else None


def _links(router: Router, named: Iterable[str], barred: Mapping[str, str]) -> Iterable[Link]:
    ids = (variant_named(router, one) or one for one in named)
    return (Link(one, barred.get(one, "")) for one in dict.fromkeys(ids))


def _attempts(fallback: Fallback) -> int:
    if fallback.HasField("max_attempts"):
        return fallback.max_attempts
    # One more than the chain, and a hedge may come on top of one that has nobody.
    return max(2, 1 + len(fallback.variants))


def _hedge(hedging: Hedging) -> Hedge | None:
    if not hedging.enabled:
        return None
    least = hedging.min_delay.ToTimedelta().total_seconds() if hedging.HasField("min_delay") else None
    quantile = _or(hedging, "quantile", defaults.HEDGE_QUANTILE)
    return Hedge(quantile, defaults.HEDGE_SECONDS if least is None else least)


def _mirror(router: Router, barred: Mapping[str, str]) -> Mirror | None:
    mirror: ShadowSet = router.mirror
    # Whoever is named sees copies although disabled: disabled means not to be chosen, and nobody chooses it.
    ejected = {variant: why for variant, why in barred.items() if why != "disabled"}
    links = dict.fromkeys(_links(router, [*mirror.variants, *_shadows(router)], ejected))
    if not links:
        return None
    return Mirror(
        tuple(links),
        _or(mirror, "percentage", defaults.MIRROR_PERCENTAGE) / 100,
        int(_or(mirror, "max_concurrency", defaults.MIRROR_CONCURRENCY)),
        int(_or(mirror, "max_waiting", defaults.MIRROR_WAITING)),
        mirror.timeout.ToTimedelta().total_seconds() if mirror.HasField("timeout") else float("inf"),
        int(_or(mirror, "max_input_bytes", defaults.MIRROR_BYTES)),
    )


def _shadows(router: Router) -> list[str]:
    """The other variants of a shadow router. Here there is no list to take one from, so disabling does it."""
    if not router.HasField("shadow"):
        return []
    primary = variant_named(router, router.shadow.primary)
    return [one.id for one in router.variants if one.enabled and one.id != primary]


def _or(given: Fallback | Hedging | ShadowSet, field: str, default: float) -> float:
    return getattr(given, field) if given.HasField(field) else default
