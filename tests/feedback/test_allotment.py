"""What an allocation rests on beside the window: priors, costs, draws, and the company of other routers."""

from dataclasses import replace

import pytest

from services.feedback.allotment import Account, Allotted, allot, allot_all
from services.feedback.policies.learning import Learning, Prior
from services.feedback.rules import Rules
from services.feedback.windows import WindowSum
from services.feedback.wire.routers import rules_of
from tests.feedback.recorded import router


def rules(learning: Learning, **enabled: bool) -> Rules:
    return replace(rules_of(router()), learning=learning, enabled=enabled or {"a": True, "b": True})


def earned(n: int, mean: float) -> WindowSum:
    return WindowSum(n, int(n * mean * 1_000_000))


def test_a_heir_starts_with_what_the_former_variant_earned() -> None:
    learning = Learning("thompson", priors=(Prior("b", 40, former="old"),))
    known = {"a": earned(500, 0.4), "old": earned(900, 0.8)}
    found = allot(Account(rules(learning), known, {}))
    assert tuple(found.counted["b"]) == pytest.approx((40, 32_000_000))
    assert found.shares["b"] > 0.99
    assert not found.newcomers


def test_a_declared_prior_counts_as_so_many_rewards() -> None:
    learning = Learning("thompson", priors=(Prior("b", 30, units=200_000),))
    found = allot(Account(rules(learning), {"a": earned(500, 0.6), "b": earned(10, 1.0)}, {}))
    assert tuple(found.counted["b"]) == (40, 16_000_000)
    assert found.shares["a"] > 0.9


def test_an_arm_must_be_worth_what_it_costs() -> None:
    known = {"a": earned(800, 0.7), "b": earned(800, 0.75)}
    dear = {"a": 0.01, "b": 0.2}
    free = allot(Account(rules(Learning("epsilon_greedy", 0.0)), known, {}, costs=dear))
    charged = allot(Account(rules(Learning("epsilon_greedy", 0.0, cost_weight=1.0)), known, {}, costs=dear))
    assert (free.shares["b"], charged.shares["b"]) == (1.0, 0.0)


def test_routers_that_learn_alike_and_not_are_each_allotted_as_alone() -> None:
    thompson = Learning("thompson")
    learnings = [thompson, Learning("ucb1"), thompson, replace(thompson, floor=0.2)]
    accounts = [
        Account(rules(learning), {"a": earned(90 + place, 0.5), "b": earned(80, 0.6)}, {})
        for place, learning in enumerate(learnings)
    ]
    together = [one.shares for one in allot_all(accounts) if isinstance(one, Allotted)]
    assert together == [pytest.approx(allot(each).shares) for each in accounts]


def test_one_router_that_cannot_be_allotted_does_not_cost_the_others() -> None:
    good = Account(rules(Learning("thompson")), {"a": earned(9, 0.5)}, {})
    impossible = Account(rules(Learning("thompson", floor=0.7)), {}, {})
    unknown = Account(rules(Learning("algorithm 99")), {}, {})
    nobody = Account(rules(Learning(), a=False, b=False), {}, {})
    first, *refused = allot_all([good, impossible, unknown, nobody])
    assert isinstance(first, Allotted)
    assert [type(one).__name__ for one in refused] == ["InfeasibleBounds", "KeyError", "NotAllotted"]
