"""Plans of routers whose models are out: shares, reasons, and the plan of a probe."""

import random
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from turnout.inference.v1.manifest_pb2 import Decision, Manifest
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.foundation.telemetry import Telemetry
from services.models.pool import ModelPool
from services.router.config.defaults import with_defaults
from services.router.deciding.compiling import CannotCompile, Ingredients, compile_plan
from services.router.deciding.latencies import Latencies
from services.router.deciding.plan import RoutingPlan
from services.router.health.probe import Probe
from services.router.health.view import HealthView, Out
from services.state.ids import new_uid

NAMES = ("cancer-bayes", "cancer-stump", "cancer-boosting")
BAYES, STUMP, BOOSTING = (f"models/{name}" for name in NAMES)


@pytest.fixture
async def pool() -> AsyncIterator[ModelPool]:
    rng = random.Random(5)
    made = ModelPool(Telemetry(rng=rng), rng)
    yield made
    await made.close()


def router(*weights: float, **how: object) -> Router:
    given = Router(**how)  # type: ignore[arg-type]  # typed field by field
    for name, weight in zip(NAMES, weights, strict=False):
        given.variants.add(model=name, weight=weight)
    made = with_defaults(given)
    made.name, made.uid, made.generation = "routers/cancer", new_uid(0, random.Random(1)), 3
    return made


def view(*out: str, probes: tuple[Probe, ...] = ()) -> HealthView:
    gone = {model: Out(float(turn), 1_700_000_000.0, "5 failures in a row") for turn, model in enumerate(out)}
    return HealthView(7, gone, {probe.model: probe for probe in probes})


def plan_of(given: Router, pool: ModelPool, health: HealthView) -> RoutingPlan:
    models = {f"models/{name}": registration(name, "127.0.0.1:9") for name in NAMES}
    return compile_plan(
        given, Ingredients(models, pool.open, None, random.Random(2), Latencies(time.monotonic), health)
    )


def decision(plan: RoutingPlan, arm: int = 0) -> Decision:
    return Decision.FromString(plan.route.sheet(arm).decision)


async def test_who_is_out_gets_nothing_and_the_others_its_share(pool: ModelPool) -> None:
    plan = plan_of(router(50, 30, 20), pool, view(BAYES))
    assert plan.route.wheel.allocation == pytest.approx((0.0, 0.6, 0.4))
    told = decision(plan, 1)
    assert told.propensity == pytest.approx(0.6)
    assert told.versions.health == 7
    assert told.explanation == "weighted drew cancer-stump with probability 0.6 among 2 variants"
    assert [(one.eligible, one.reason) for one in told.candidates] == [
        (False, "ejected until 22:13:20 UTC: 5 failures in a row"),
        (True, ""),
        (True, ""),
    ]


async def test_where_too_few_are_left_health_is_ignored_and_that_is_said(pool: ModelPool) -> None:
    plan = plan_of(router(1, 1, 2), pool, view(BAYES, STUMP, BOOSTING))
    assert plan.route.wheel.allocation == (0.25, 0.25, 0.5)
    assert decision(plan).explanation.endswith("; health is ignored: too few variants are healthy")
    assert all(one.eligible and not one.reason for one in decision(plan).candidates)


async def test_where_the_healthy_have_no_weight_the_sick_serve(pool: ModelPool) -> None:
    plan = plan_of(router(100, 0), pool, view(BAYES))
    assert plan.route.wheel.allocation == (1.0, 0.0)
    assert "no healthy variant has a share" in decision(plan).explanation


async def test_a_router_that_allows_it_ejects_more(pool: ModelPool) -> None:
    lenient = router(1, 1, 2, health={"max_ejection_percentage": 67, "panic_percentage": 10})
    assert plan_of(lenient, pool, view(BAYES, STUMP)).route.wheel.allocation == (0.0, 0.0, 1.0)
    # By default half: the one that was ejected first.
    assert plan_of(router(1, 1, 2), pool, view(STUMP, BAYES)).route.wheel.allocation == pytest.approx(
        (1 / 3, 0, 2 / 3)
    )


async def test_while_a_probe_is_free_its_model_has_its_share(pool: ModelPool) -> None:
    ended: list[bool] = []
    probe = Probe(BAYES, 10.0, 20.0, lambda: 0.0, lambda _, ok: ended.append(ok))
    plan = plan_of(router(50, 50), pool, view(BAYES, probes=(probe,)))
    assert plan.route.wheel.allocation == (0.0, 1.0)
    tried = plan.current()
    assert tried.route.wheel.allocation == (0.5, 0.5)
    assert [arm.probe for arm in tried.arms] == [probe, None]
    assert [arm.probe for arm in plan.arms] == [None, None]
    assert probe.take()
    assert plan.current() is plan
    probe.done(None)
    assert plan.current() is tried
    assert probe.take()
    probe.done(True)
    assert (plan.current() is plan, ended) == (True, [True])


async def test_a_round_robin_keeps_its_turn_while_it_probes(pool: ModelPool) -> None:
    probe = Probe(BAYES, 10.0, 20.0, lambda: 0.0, lambda _, __: None)
    plan = plan_of(router(1, 1, round_robin={}), pool, view(BAYES, probes=(probe,)))
    assert plan.current() is not plan
    assert plan.route.counter is not None
    assert plan.current().route.counter is plan.route.counter


@pytest.mark.parametrize(("quorum", "asked"), [(1, 2), (2, 2), (3, 3)])
async def test_a_jury_goes_without_the_ejected_where_its_quorum_allows(
    pool: ModelPool, quorum: int, asked: int
) -> None:
    plan = plan_of(router(1, 1, 1, ensemble={"quorum": quorum}), pool, view(BAYES))
    assert plan.route.jury is not None
    assert [one.model for one in plan.route.jury.plan.members] == [BAYES, STUMP, BOOSTING][-asked:]
    told = Decision.FromString(plan.route.jury.sheet.decision)
    assert told.candidates[0].eligible is (asked == 3)
    assert ("health is ignored" in told.explanation) is (asked == 3)
    # A member is missing before anybody was asked, and the quorum is no smaller for it.
    assert Manifest.FromString(plan.route.jury.sheet.manifest).degraded is (asked < 3)
    assert plan.route.jury.plan.ensemble.quorum == quorum


GRAPH = {
    "steps": [
        {"name": "look", "variant": "cancer-bayes"},
        {"name": "decide", "variant": "cancer-stump", "columns": {"look": "look.label"}},
    ]
}
META = {"aggregation": 5, "stacking": {"model": {"model": "cancer-stump"}}}
NOBODY = "; health is ignored: nobody stands in for them"
TOO_FEW = "; health is ignored: too few others are left"
LEFT_OUT = "; left out for their health: cancer-bayes"
TWO, ALL = "2 of 3 members may be asked", "all 2 members may be asked"
STEPS = "look by cancer-bayes, decide by cancer-stump"


@pytest.mark.parametrize(
    ("how", "asked", "said"),
    [
        (
            {"cascade": {"min_confidence": 0.9}},
            [STUMP, BOOSTING],
            f"{TWO}, the cheapest first, until an answer has a confidence of 0.9{LEFT_OUT}",
        ),
        (
            {"cascade": {"agreement": 2, "order": ["cancer-bayes", "cancer-stump"]}},
            [BAYES, STUMP],
            f"{ALL}, cancer-bayes, then cancer-stump, until 2 have given the same answer{TOO_FEW}",
        ),
        (
            {"judge": {"check": {"cel": "confidence > 0.5"}, "max_rounds": 2}},
            [STUMP, BOOSTING],
            (
                f"{TWO}, as they are declared, until confidence > 0.5 holds of an answer, "
                f"in at most 2 rounds{LEFT_OUT}"
            ),
        ),
        (
            {"specialists": GRAPH},
            [BAYES, STUMP],
            f"all 2 members have a part in 2 steps ({STEPS}), and decide answers{NOBODY}",
        ),
        (META, [BAYES, STUMP, BOOSTING], f"all 3 members are asked{NOBODY}"),
    ],
)
async def test_who_has_a_place_in_a_pattern_keeps_it_where_nobody_can_take_it(
    pool: ModelPool, how: dict[str, Any], asked: list[str], said: str
) -> None:
    plan = plan_of(router(1, 1, 1, ensemble=how), pool, view(BAYES))
    assert plan.route.jury is not None
    assert [one.model for one in plan.route.jury.plan.members] == asked
    assert Decision.FromString(plan.route.jury.sheet.decision).explanation == said


async def test_an_order_is_that_of_those_who_are_asked(pool: ModelPool) -> None:
    order = ["cancer-bayes", "cancer-boosting", "cancer-stump"]
    plan = plan_of(router(1, 1, 1, ensemble={"cascade": {"order": order}}), pool, view(BAYES))
    assert plan.route.jury is not None
    assert list(plan.route.jury.plan.ensemble.cascade.order) == order[1:]


async def test_a_helper_that_is_gone_leaves_no_plan(pool: ModelPool) -> None:
    given = router(1, 1, ensemble={"best_of_n": {"judge": {"model": "nobody"}}})
    with pytest.raises(
        CannotCompile, match=r"models/nobody, the judge at router\.ensemble\.best_of_n\.judge"
    ):
        plan_of(given, pool, view())
