"""Fallback, hedging, mirrors and limits: both sides of each, and defaults that are written out."""

import math
from typing import Any

import pytest
from turnout.router.v1.router_pb2 import Router

from services.router.config.defaults import with_defaults
from services.router.config.problems import InvalidConfiguration
from services.router.config.validate import validate
from services.router.execution.carrying import Hedge, Limits, Link, compile_carrying

MODELS = {"models/a", "models/b", "models/c"}


def router_of(**options: Any) -> Router:
    return Router(name="routers/churn", variants=[{"model": name} for name in "abc"], **options)


def refused(router: Router) -> list[str]:
    with pytest.raises(InvalidConfiguration) as caught:
        validate(with_defaults(router), MODELS)
    return [fault.field.removeprefix("router.") for fault in caught.value.fields]


@pytest.mark.parametrize(
    "options",
    [
        {"fallback": {"variants": ["b"]}},
        {"fallback": {"variants": ["models/b", "c"], "retry_budget": 0.0, "max_attempts": 1}},
        {"fallback": {"variants": ["b"], "retry_budget": 1.0, "max_attempts": 10}},
        {"fallback": {"retry_budget": 0.1}, "hedging": {"enabled": True}},
        {"hedging": {"enabled": True, "quantile": 0.5, "min_delay": {}}},
        {"hedging": {"enabled": True, "quantile": 0.99, "min_delay": {"seconds": 60}}},
        {"mirror": {"variants": ["c"], "percentage": 0, "max_concurrency": 1, "max_waiting": 0}},
        {"mirror": {"variants": ["c"], "percentage": 100, "max_concurrency": 1024, "max_waiting": 10_000}},
        {"mirror": {"variants": ["c"], "timeout": {"nanos": 1_000_000}, "max_input_bytes": 1}},
        {"mirror": {"variants": ["c"], "timeout": {"seconds": 3600}, "max_input_bytes": 16 * 2**20}},
        {"mirror": {"percentage": 10}, "shadow": {"primary": "a"}},
        {"limits": {"max_input_bytes": 1, "max_rows": 1, "max_concurrency": 1}},
        {"limits": {"max_input_bytes": 2**31 - 1, "max_rows": 2**31 - 1, "max_concurrency": 2**31 - 1}},
        {"limits": {}},
        {"shadow": {"primary": "models/a"}},
    ],
)
def test_what_is_within_the_limits_is_taken(options: dict[str, Any]) -> None:
    validate(with_defaults(router_of(**options)), MODELS)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"fallback": {}}, "fallback.variants"),
        ({"fallback": {"variants": ["nobody"]}}, "fallback.variants[0]"),
        ({"fallback": {"variants": ["b", ""]}}, "fallback.variants[1]"),
        ({"fallback": {"variants": ["b", "models/b"]}}, "fallback.variants"),
        ({"fallback": {"variants": ["b"], "retry_budget": -0.01}}, "fallback.retry_budget"),
        ({"fallback": {"variants": ["b"], "retry_budget": 1.01}}, "fallback.retry_budget"),
        ({"fallback": {"variants": ["b"], "retry_budget": math.nan}}, "fallback.retry_budget"),
        ({"fallback": {"variants": ["b"], "max_attempts": 0}}, "fallback.max_attempts"),
        ({"fallback": {"variants": ["b"], "max_attempts": 11}}, "fallback.max_attempts"),
        ({"hedging": {"enabled": True, "quantile": 0.49}}, "hedging.quantile"),
        ({"hedging": {"enabled": True, "quantile": 0.991}}, "hedging.quantile"),
        ({"hedging": {"enabled": True, "quantile": math.nan}}, "hedging.quantile"),
        ({"hedging": {"enabled": True, "min_delay": {"seconds": -1}}}, "hedging.min_delay"),
        ({"hedging": {"enabled": True, "min_delay": {"seconds": 61}}}, "hedging.min_delay"),
        ({"hedging": {"enabled": True}, "ensemble": {}}, "hedging"),
        ({"mirror": {}}, "mirror.variants"),
        ({"mirror": {"variants": ["nobody"]}}, "mirror.variants[0]"),
        ({"mirror": {"variants": ["c"], "percentage": -1}}, "mirror.percentage"),
        ({"mirror": {"variants": ["c"], "percentage": 100.1}}, "mirror.percentage"),
        ({"mirror": {"variants": ["c"], "percentage": math.nan}}, "mirror.percentage"),
        ({"mirror": {"variants": ["c"], "max_concurrency": 0}}, "mirror.max_concurrency"),
        ({"mirror": {"variants": ["c"], "max_concurrency": 1025}}, "mirror.max_concurrency"),
        ({"mirror": {"variants": ["c"], "max_waiting": -1}}, "mirror.max_waiting"),
        ({"mirror": {"variants": ["c"], "max_waiting": 10_001}}, "mirror.max_waiting"),
        ({"mirror": {"variants": ["c"], "timeout": {}}}, "mirror.timeout"),
        ({"mirror": {"variants": ["c"], "timeout": {"seconds": 3601}}}, "mirror.timeout"),
        ({"mirror": {"variants": ["c"], "max_input_bytes": 0}}, "mirror.max_input_bytes"),
        ({"mirror": {"variants": ["c"], "max_input_bytes": 2**24 + 1}}, "mirror.max_input_bytes"),
        ({"limits": {"max_input_bytes": 0}}, "limits.max_input_bytes"),
        ({"limits": {"max_rows": 0}}, "limits.max_rows"),
        ({"limits": {"max_concurrency": -1}}, "limits.max_concurrency"),
        ({"shadow": {}}, "shadow.primary"),
        ({"shadow": {"primary": "nobody"}}, "shadow.primary"),
    ],
)
def test_what_is_beyond_them_is_refused_by_its_field(options: dict[str, Any], field: str) -> None:
    assert refused(router_of(**options)) == [field]


def test_a_primary_that_is_disabled_is_refused() -> None:
    router = router_of(shadow={"primary": "a"})
    router.variants[0].enabled = False
    assert "shadow.primary" in refused(router)


def test_defaults_are_written_out() -> None:
    given = router_of(
        fallback={"variants": ["models/b"]}, hedging={"enabled": True}, mirror={"variants": ["models/c"]}
    )
    stored = with_defaults(given)
    assert (list(stored.fallback.variants), stored.fallback.retry_budget) == (["b"], 0.2)
    assert (stored.hedging.quantile, stored.hedging.min_delay.nanos) == (0.95, 1_000_000)
    mirror = stored.mirror
    assert (list(mirror.variants), mirror.percentage) == (["c"], 100)
    assert (mirror.max_concurrency, mirror.max_waiting, mirror.max_input_bytes) == (8, 64, 2**20)


def test_a_router_that_says_nothing_of_it_pays_nothing_for_it() -> None:
    assert compile_carrying(with_defaults(router_of()), {}) is None
    off = with_defaults(router_of(hedging={"enabled": False}, limits={}))
    assert compile_carrying(off, {"a": "disabled"}) is None


def test_what_is_stored_is_compiled() -> None:
    router = with_defaults(
        router_of(
            fallback={"variants": ["c", "b"], "max_attempts": 2},
            hedging={"enabled": True, "min_delay": {"nanos": 5_000_000}},
            limits={"max_rows": 7},
        )
    )
    made = compile_carrying(router, {"b": "ejected until noon"})
    assert made is not None
    assert made.chain == (Link("c"), Link("b", "ejected until noon"))
    assert (made.attempts, made.budget) == (2, 0.2)
    assert made.hedge == Hedge(0.95, 0.005)
    assert made.limits == Limits(rows=7)
    assert made.mirror is None


def test_the_others_of_a_shadow_router_are_mirrored_as_the_mirror_says() -> None:
    router = with_defaults(router_of(shadow={"primary": "a"}, mirror={"percentage": 25, "variants": ["c"]}))
    made = compile_carrying(router, {"c": "ejected until noon"})
    assert made is not None
    assert made.mirror is not None
    assert made.mirror.links == (Link("c", "ejected until noon"), Link("b"))
    assert made.mirror.share == 0.25
    assert made.mirror.seconds == math.inf


def test_who_is_disabled_is_no_shadow_of_a_shadow_router_and_stays_one_that_is_named() -> None:
    router = router_of(shadow={"primary": "a"}, mirror={"variants": ["c"]})
    router.variants[2].enabled = False
    made = compile_carrying(with_defaults(router), {"c": "disabled"})
    assert made is not None
    assert made.mirror is not None
    assert made.mirror.links == (Link("c"), Link("b"))
