"""Rules are compiled once, whatever else of their router changes; and what is new, in slices."""

import gc
import random
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
from turnout.router.v1.router_pb2 import Router

from services.router.conditions import Condition, Kind, Schema, compile_condition
from services.router.conditions.keeping import MOST_RECENT, Kept
from services.router.conditions.wire import condition_of
from services.router.deciding.rulings import Compiled, Written
from tests.router.serving.test_loading import FORMER, Bay, router

SCHEMA = Schema({"amount": Kind.NUMBER})


def ruled(generation: int, *conditions: str, uid: str = FORMER) -> Router:
    made = Router(uid=uid, generation=generation, variants=[{"model": "models/m0"}])
    for place, text in enumerate(conditions):
        made.policies.add(name=f"p{place}", condition=text, variant="m0")
    return made


def conditions_of(written: Written) -> list[int]:
    return [id(rule.condition) for rule in written.policies.rules]


def test_another_generation_compiles_only_what_is_new_in_it() -> None:
    compiled = Compiled()
    first = compiled.of(ruled(1, "amount > 1.0", "amount > 2.0"), SCHEMA)
    again = compiled.of(ruled(2, "amount > 2.0", "amount > 3.0", "amount > 1.0"), SCHEMA)
    one, two = conditions_of(first)
    assert [place in (one, two) for place in conditions_of(again)] == [True, False, True]
    assert conditions_of(again)[::2] == [two, one]


def test_a_schema_that_differs_makes_other_conditions_and_an_equal_one_the_same() -> None:
    given = ruled(1, "amount > 1.0").policies[0]
    made = condition_of(given, SCHEMA)
    assert condition_of(given, Schema({"amount": Kind.NUMBER})) is made
    assert condition_of(given, Schema({"amount": Kind.NUMBER, "age": Kind.NUMBER})) is not made
    assert condition_of(given, Schema({"amount": Kind.NUMBER}, headers=frozenset({"x"}))) is not made


def test_an_explanation_of_a_former_generation_does_not_take_the_place_of_the_rules_that_serve() -> None:
    compiled = Compiled()
    former = compiled.of(ruled(1, "amount > 1.0"), SCHEMA)
    live = compiled.of(ruled(2, "amount > 2.0"), SCHEMA)
    again = compiled.of(ruled(1, "amount > 1.0"), SCHEMA)
    assert conditions_of(again) == conditions_of(former)
    assert compiled.of(ruled(2, "amount > 2.0"), SCHEMA) is live


def test_drafts_push_out_drafts_and_never_what_serves() -> None:
    compiled = Compiled()
    live = compiled.of(ruled(1, "amount > 0.5"), SCHEMA)
    for place in range(MOST_RECENT + 1):
        condition_of(ruled(1, f"amount > {place}.25").policies[0], SCHEMA)
    assert condition_of(ruled(1, "amount > 0.5").policies[0], SCHEMA) is live.policies.rules[0].condition


def test_what_nobody_holds_is_kept_up_to_a_bound() -> None:
    kept: Kept[Condition] = Kept(most=2)
    texts = [f"amount > {place}.75" for place in range(4)]
    held = kept.of(0, lambda: compile_condition(texts[0], SCHEMA))
    for place, text in enumerate(texts[1:], 1):
        kept.of(place, partial(compile_condition, text, SCHEMA))
    gc.collect()
    assert [place in kept for place in range(4)] == [True, False, True, True]
    assert kept.of(0, lambda: compile_condition(texts[1], SCHEMA)) is held


def test_ahead_stops_after_each_new_condition_and_at_none_that_is_known() -> None:
    compiled, tag = Compiled(), random.Random(5).random()
    texts = [f"amount > {tag + place}" for place in range(5)]
    held = compiled.of(ruled(1, *texts[:3]), SCHEMA)
    assert len(list(compiled.ahead(ruled(2, *texts), SCHEMA))) == 2
    assert compiled.of(ruled(2, *texts), SCHEMA).policies.rules[0].condition in (
        rule.condition for rule in held.policies.rules
    )
    assert list(compiled.ahead(ruled(3, *texts), SCHEMA)) == []


@pytest.fixture
async def bay() -> AsyncIterator[Bay]:
    made = Bay()
    yield made
    await made.pool.close()


def policed(generation: int, *conditions: str) -> Router:
    made = router(FORMER)
    made.generation = generation
    for place, text in enumerate(conditions):
        made.policies.add(name=f"p{place}", condition=text, variant="cancer-bayes", enabled=True)
    return made


async def test_a_router_serves_as_it_did_until_its_new_rules_are_compiled(bay: Bay) -> None:
    bay.loader.router_changed(FORMER, policed(1))
    before = bay.snapshot.serving("cancer")
    texts = [f"features['mean radius'] > {place}.125" for place in range(40)]
    bay.loader.router_changed(FORMER, policed(2, *texts))
    assert bay.snapshot.serving("cancer") is before
    assert bay.snapshot.generations == {"routers/cancer": 1}
    await bay.snapshot.prove()
    after = bay.snapshot.serving("cancer")
    assert (after.generation, bay.snapshot.generations) == (2, {"routers/cancer": 2})
    assert after.ruling is not None
    changed = policed(3, *texts)
    changed.variants[0].weight = 7
    bay.loader.router_changed(FORMER, changed)
    # Nothing to compile: it takes effect at once.
    last = bay.snapshot.serving("cancer")
    assert last.generation == 3
    assert last.ruling is not None
    pairs = zip(last.ruling.rules.rules, after.ruling.rules.rules, strict=True)
    assert all(one.condition is other.condition for one, other in pairs)


async def test_rules_are_compiled_one_by_one_and_the_newest_change_is_what_counts(bay: Bay) -> None:
    bay.loader.router_changed(FORMER, policed(1))
    bay.snapshot.serving("cancer")
    made: list[int] = []
    steps = bay.loader.ahead

    def counted(given: Router) -> Iterator[object]:
        for step in steps(given):
            made.append(given.generation)
            yield step

    bay.snapshot.readying.ahead = counted
    bay.loader.router_changed(FORMER, policed(2, *(f"now.getSeconds() < {place}" for place in range(9))))
    # The first shows that there is something to do; the others wait for the loop.
    assert made == [2]
    bay.loader.router_changed(FORMER, policed(3, "now.getSeconds() < 59"))
    await bay.snapshot.prove()
    assert made == [2, 3]
    assert bay.snapshot.serving("cancer").generation == 3


async def test_a_router_that_nobody_has_served_yet_does_not_wait_for_its_rules(bay: Bay) -> None:
    bay.loader.started = True
    bay.loader.router_changed(FORMER, policed(1, *(f"now.getMinutes() < {place}" for place in range(9))))
    assert bay.snapshot.serving("cancer").generation == 1


async def test_a_router_that_goes_while_its_rules_are_compiled_stays_gone(bay: Bay) -> None:
    bay.loader.router_changed(FORMER, policed(1))
    bay.snapshot.serving("cancer")
    bay.loader.router_changed(FORMER, policed(2, *(f"now.getHours() < {place}" for place in range(9))))
    bay.loader.router_changed(FORMER, None)
    await bay.snapshot.prove()
    assert bay.snapshot.generations == {}
    assert not bay.snapshot.readying
