"""What a plan makes of what was learnt: floor and cap hold among the variants that may answer now."""

import pytest
from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.router.v1.router_pb2 import Router

from services.router.deciding.shares import Known, shares
from services.router.deciding.terms import learnt_of, own_terms
from services.router.strategies import Allocation


def bandit(disabled: str = "", variants: str = "abc", **bounds: float) -> Router:
    router = Router(name="routers/churn", generation=2, bandit=bounds)
    for name in variants:
        router.variants.add(id=name, model=f"models/{name}", enabled=name not in disabled)
    return router


def learnt(generation: int = 1, **probabilities: float) -> RewardSnapshot:
    arms = [{"variant": name, "probability": share} for name, share in probabilities.items()]
    return RewardSnapshot(generation=generation, arms=arms)


def allocation_of(router: Router, told: RewardSnapshot) -> Allocation:
    known = Known((True,) * len(router.variants), learnt_of(router, told))
    return shares(own_terms(router), known).allocation


def test_the_cap_holds_although_a_variant_was_disabled() -> None:
    shares = allocation_of(bandit("b", floor=0.05, cap=0.6), learnt(a=0.6, b=0.3, c=0.1))
    assert shares == pytest.approx((0.6, 0.0, 0.4))


def test_the_floor_holds_although_a_newcomer_takes_its_share() -> None:
    shares = allocation_of(bandit(variants="abcd", floor=0.1, cap=1.0), learnt(a=0.8, b=0.1, c=0.1))
    assert shares[1:3] == (0.1, 0.1)
    assert shares[0] / shares[3] == pytest.approx(0.8 / 0.25)
    assert sum(shares) == pytest.approx(1)


def test_what_respects_its_bounds_is_served_as_it_was_learnt() -> None:
    told = learnt(generation=2, a=0.5, b=0.25, c=0.25)
    assert allocation_of(bandit(floor=0.25, cap=0.5), told) == (0.5, 0.25, 0.25)


def test_bounds_that_nobody_can_respect_leave_an_even_share() -> None:
    shares = allocation_of(
        bandit("bc", variants="abcd", floor=0.1, cap=0.4), learnt(a=0.4, b=0.3, c=0.2, d=0.1)
    )
    assert shares == (0.5, 0.0, 0.0, 0.5)


def test_a_router_stored_without_bounds_has_none() -> None:
    assert allocation_of(bandit("b"), learnt(a=0.9, b=0.1, c=0.0001)) == pytest.approx(
        (0.9999, 0, 1e-4), abs=1e-4
    )
