"""What a route's terms take from its router."""

from turnout.router.v1.router_pb2 import Router

from services.router.deciding.shares import Known, shares
from services.router.deciding.terms import policy_terms, terms_of


def _bounded() -> Router:
    return Router(
        name="routers/cancer",
        variants=[{"id": one, "model": f"models/{one}", "weight": 1, "enabled": True} for one in "abc"],
        bounds={"floor": 0.1, "cap": 0.5},
        policies=[{"name": "medical", "condition": "true", "variant": "b"}],
        weighted={},
    )


def test_a_policy_that_names_a_variant_is_not_bent_by_bounds() -> None:
    router = _bounded()
    terms, _ = policy_terms(router, router.policies[0])
    assert shares(terms, Known((True,) * 3)).allocation == (0.0, 1.0, 0.0)


def test_bounds_hold_for_the_routers_own_strategy() -> None:
    router = _bounded()
    router.variants[0].weight, router.variants[2].weight = 90, 0
    allocation = shares(terms_of(router, "weighted", router.weighted), Known((True,) * 3)).allocation
    assert allocation[0] == 0.5
    assert sum(allocation) == 1
