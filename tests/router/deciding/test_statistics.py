"""Decisions are drawn with the probability that they claim, by every strategy, and nobody gets what it should
not."""

import random
from collections import Counter, defaultdict

import pytest
from scipy import stats
from turnout.inference.v1.manifest_pb2 import Decision

from services.router.deciding.choosing import choose, drawn
from services.router.deciding.draw import Counter as Turns
from services.router.strategies import STRATEGIES
from tests.router.deciding.worlds import NoHeaders, World, question, router_of, world
from tests.thorough import cases

DRAWS = 4_000
WORLDS = cases(1, 3)


def worlds_of(strategy: str, count: int = WORLDS) -> list[World]:
    """Worlds without policies and stickiness: all decisions are the strategy's."""
    found: list[World] = []
    seed = 0
    while len(found) < count:
        seed += 1
        if router_of(random.Random(seed - 1)).WhichOneof("strategy") != strategy:
            continue
        made = world(seed - 1)
        plain = made.plan.ruling is None and made.plan.sticky is None and made.plan.route.live is None
        if plain:
            found.append(made)
    return found


SETTLED = [name for name in STRATEGIES if name not in ("ensemble", "feature_based", "complexity")]


@pytest.mark.parametrize("strategy", [n for n in SETTLED if n not in ("latency_based", "least_loaded")])
async def test_the_frequency_is_the_propensity(strategy: str) -> None:
    """Chi-square over 4,000 draws; at 1e-5 for each of 24 tests, one seed in 4,000 cries wolf."""
    for made in worlds_of(strategy):
        plan = made.plan
        seen: Counter[str] = Counter()
        shares: dict[str, float] = {}
        for _ in range(DRAWS):
            choice = drawn(plan, plan.route, question(made.dice.rng), made.dice.rng, made.dice.clock())
            decision = Decision.FromString(choice.sheet.decision)
            seen[decision.variant] += 1
            shares = {one.variant: one.probability for one in decision.candidates}
            assert decision.propensity == shares[decision.variant] > 0
        expected = {name: share * DRAWS for name, share in shares.items() if share > 0}
        assert set(seen) <= set(expected)
        if len(expected) > 1:
            counts = [seen[name] for name in expected]
            # The shares' sum is 1 but for rounding, which the test is strict about.
            wanted = [one * DRAWS / sum(expected.values()) for one in expected.values()]
            assert stats.chisquare(counts, wanted).pvalue > 1e-5


@pytest.mark.parametrize("strategy", ["latency_based", "least_loaded", "complexity"])
async def test_what_is_decided_at_the_moment_claims_what_it_does(strategy: str) -> None:
    """Propensities differ from draw to draw: the hits of each variant minus the sum of its probabilities is a
    martingale; within five of its standard deviations."""
    seed, found = 0, 0
    while found < WORLDS:
        seed += 1
        if router_of(random.Random(seed - 1)).WhichOneof("strategy") != strategy:
            continue
        made = world(seed - 1)
        if made.plan.ruling or made.plan.sticky:
            continue
        found += 1
        surplus: defaultdict[str, float] = defaultdict(float)
        variance: defaultdict[str, float] = defaultdict(float)
        for _ in range(1_000):
            _, choice = made.decide()
            decision = Decision.FromString(choice.sheet.decision)
            for one in decision.candidates:
                surplus[one.variant] += (one.variant == decision.variant) - one.probability
                variance[one.variant] += one.probability * (1 - one.probability)
        for name, value in surplus.items():
            assert abs(value) <= 5 * variance[name] ** 0.5 + 1e-9


@pytest.mark.parametrize("seed", range(cases(5, 20)))
async def test_round_robin_is_never_off_by_more_than_one_on_any_prefix(seed: int) -> None:
    """Of any stretch that a plan serves, whoever comes when: every variant has had its turn."""
    made = next(one for one in (world(seed * 100 + n) for n in range(400)) if _takes_turns(one))
    turns: Counter[str] = Counter()
    names = [
        one for one, share in zip(made.plan.arms, made.plan.route.wheel.allocation, strict=True) if share
    ]
    for _ in range(300):
        choice = drawn(made.plan, made.plan.route, question(made.dice.rng), made.dice.rng, 0)
        assert choice.arm is not None
        turns[choice.arm.variant] += 1
        counts = [turns[one.variant] for one in names]
        assert max(counts) - min(counts) <= 1


def _takes_turns(made: World) -> bool:
    return made.plan.route.counter is not None and made.plan.sticky is None


async def test_the_hundred_and_first_draw_is_one_of_them() -> None:
    """The last interval has no upper end: a draw just below 1 hits somebody who has a share."""
    for seed in range(200):
        made = world(seed)
        route = made.plan.route
        if route.live is None:
            for u in (0.0, 1 - 2**-53):
                assert route.wheel.allocation[route.wheel.pick(u)] > 0


def test_phases_differ_from_worker_to_worker() -> None:
    assert len({Turns(random.Random(seed)).advance() % 3 for seed in range(20)}) == 3


async def test_a_request_that_pins_takes_nobodys_turn() -> None:
    made = next(one for one in (world(n) for n in range(400)) if _takes_turns(one))

    first = drawn(made.plan, made.plan.route, question(made.dice.rng), made.dice.rng, 0)
    request = question(made.dice.rng)
    request.variant = made.plan.arms[0].variant
    choose(made.plan, request, NoHeaders(), made.dice)
    second = drawn(made.plan, made.plan.route, question(made.dice.rng), made.dice.rng, 0)
    assert (first.arm, second.arm) != (None, None)
    count = sum(share > 0 for share in made.plan.route.wheel.allocation)
    assert (second.u - first.u) % 1 == pytest.approx(1 / count % 1)
