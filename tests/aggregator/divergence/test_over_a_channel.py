"""Panels of real models, and what the two methods tell of them, beside the same counted by hand."""

import random
from collections import Counter
from itertools import combinations
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.aggregator.v1.aggregator_service_pb2 import InferResponse
from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.inference.v1.manifest_pb2 import OUTCOME_SKIPPED
from turnout.router.v1.ensemble_pb2 import Cascade
from turnout.router.v1.model_pb2 import (
    FEATURE_KIND_NUMERIC,
    PROTOCOL_OPENAI_CHAT,
    Endpoint,
    Model,
    ModelCost,
)
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.strategy_pb2 import AGGREGATION_METHOD_AVERAGE, AGGREGATION_METHOD_VOTE

from services.foundation.errors import RemoteError
from services.state import ids
from services.state.fenced import Fence
from services.state.model_metrics import ModelMetricsStore
from services.state.panel_truths import PanelTruth, PanelTruthStore
from services.state.panels import DAY, HOUR
from tests.aggregator.conftest import DOCTORS, plan
from tests.aggregator.divergence.conftest import ROUTER, Ward
from tests.models.chat_server import chat_server

AVERAGE, VOTE = AGGREGATION_METHOD_AVERAGE, AGGREGATION_METHOD_VOTE
ROWS = range(0, 60, 2)
HELPERS = {"best_of_n": "judge", "mixture_of_n": "fuser"}
NOON = 1_750_003_200.0


def labels(reply: InferResponse) -> dict[str, str]:
    """What each member said."""
    said = [(reply.participants[one.participant].variant, one.output) for one in reply.outputs]
    return {variant: output.classification.label for variant, output in said}


async def test_pairs_members_and_hours_are_those_of_the_replies(doctors: Ward) -> None:
    jury = plan(aggregation=AVERAGE, full_panel_fraction=1.0)
    replies = [await doctors.infer(jury, row) for row in ROWS]
    differing: Counter[tuple[str, str]] = Counter()
    dissents: Counter[str] = Counter()
    pivotal: Counter[str] = Counter()
    for reply in replies:
        said = labels(reply)
        differing.update(pair for pair in combinations(sorted(said), 2) if said[pair[0]] != said[pair[1]])
        dissents.update(name for name in said if said[name] != reply.output.classification.label)
        pivotal.update(reply.aggregation.pivotal)
    found = await doctors.ask("GetDivergence")
    assert found.panels == len(replies)
    assert {(one.first, one.second): (one.panels, one.disagreement) for one in found.pairs} == {
        pair: (len(replies), pytest.approx(differing[pair] / len(replies)))
        for pair in combinations(sorted(DOCTORS), 2)
    }
    assert differing.total(), "members that never differ prove nothing"
    for one in found.members:
        assert one.panels == len(replies)
        assert one.dissent == pytest.approx(dissents[one.variant] / len(replies))
        assert one.pivotal == pytest.approx(pivotal[one.variant] / len(replies))
        assert not one.HasField("accuracy")
    assert sum(window.panels for window in found.windows) == len(replies)
    mean = sum(window.disagreement * window.panels for window in found.windows) / len(replies)
    assert mean == pytest.approx(differing.total() / 3 / len(replies))


async def test_costs_are_those_of_the_replies_and_savings_those_of_the_cheapest_that_agrees(
    doctors: Ward,
) -> None:
    replies = [await doctors.infer(plan(aggregation=AVERAGE), row) for row in ROWS]
    costs = {one.variant: one.cost.amount for one in replies[0].participants}
    total, saved, avoidable, same = sum(costs.values()), 0.0, 0, Counter[str]()
    for reply in replies:
        said, verdict = labels(reply), reply.output.classification.label
        agreeing = [name for name in said if said[name] == verdict]
        same.update(agreeing)
        if agreeing:
            avoidable += 1
            saved += total - min(costs[name] for name in agreeing)
    found = await doctors.ask("GetRoutingEfficiency")
    assert found.panels == len(replies)
    assert found.mean_cost.amount == pytest.approx(total)
    assert found.mean_cost.currency == "USD"
    assert found.avoidable_share == pytest.approx(avoidable / len(replies))
    assert found.mean_saving.amount == pytest.approx(saved / len(replies))
    assert [one.variant for one in found.members] == sorted(costs, key=lambda name: (costs[name], name))
    for one in found.members:
        assert one.mean_cost.amount == pytest.approx(costs[one.variant])
        assert one.same_answer == pytest.approx(same[one.variant] / len(replies))
        assert (one.labelled, one.HasField("right"), one.HasField("verdict_right")) == (0, False, False)
    assert not found.HasField("avoidable_right_share")


@pytest.mark.parametrize("pattern", HELPERS)
async def test_who_helps_is_paid_too(doctors: Ward, pattern: str) -> None:
    """Judge and fuser are in the mean cost; of a mixture, pairs and costs are counted and nobody dissents."""
    async with chat_server() as server:
        choice = {"index": 0, "message": {"role": "assistant", "content": '{"best": 1}'}}
        server.answering({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
        helper = Model(
            name="models/helper",
            protocol=PROTOCOL_OPENAI_CHAT,
            endpoints=[Endpoint(address=server.url)],
            cost=ModelCost(per_call=0.25, currency="USD"),
        )
        helper.timeout.FromSeconds(20)
        await doctors.models.create(helper)
        await doctors.follower.reconcile()
        how: dict[str, Any] = {pattern: {HELPERS[pattern]: {"model": "helper"}}}
        replies = [await doctors.infer(plan(**how), row) for row in ROWS]
    paid = [sum(one.cost.amount for one in reply.participants) for reply in replies]
    asked = [len(reply.participants) > len(DOCTORS) for reply in replies]
    assert any(asked)
    assert all(not reply.degraded for reply in replies)
    found = await doctors.ask("GetRoutingEfficiency")
    assert found.panels == len(replies)
    assert found.mean_cost.amount == pytest.approx(sum(paid) / len(paid))
    assert found.HasField("mean_saving") == (pattern == "best_of_n")
    differing = sum(len(set(labels(reply).values())) > 1 for reply in replies)
    told = await doctors.ask("GetDivergence")
    assert sum(pair.disagreement > 0 for pair in told.pairs) >= (differing > 0)
    assert [one.HasField("dissent") for one in told.members] == [pattern == "best_of_n"] * len(DOCTORS)


async def test_what_stands_in_for_a_judge_that_failed_is_not_what_the_members_came_to(doctors: Ward) -> None:
    async with chat_server() as server:
        server.answering({"error": {"message": "down"}}, 500)
        endpoints = [Endpoint(address=server.url)]
        judge = Model(name="models/judge", protocol=PROTOCOL_OPENAI_CHAT, endpoints=endpoints)
        judge.timeout.FromSeconds(20)
        await doctors.models.create(judge)
        await doctors.follower.reconcile()
        how: dict[str, Any] = {"best_of_n": {"judge": {"model": "judge"}}, "member_retries": 0}
        replies = [await doctors.infer(plan(**how), row) for row in ROWS]
    # Where all say the same it is not asked.
    judged = [reply for reply in replies if len(set(labels(reply).values())) > 1]
    assert judged
    assert all(reply.degraded and not reply.aggregation.representative for reply in judged)
    assert (await doctors.ask("GetRoutingEfficiency")).panels == len(replies) - len(judged)


async def test_a_vote_that_may_stop_early_counts_only_where_it_was_sampled(doctors: Ward) -> None:
    """Those that heard everybody because they were divided would make members look at odds."""
    for row in ROWS:
        reply = await doctors.infer(plan(aggregation=VOTE, full_panel_fraction=0.0), row)
        assert not reply.aggregation.representative
    assert (await doctors.ask("GetDivergence")).panels == 0
    reply = await doctors.infer(plan(aggregation=VOTE, full_panel_fraction=1.0))
    assert reply.aggregation.representative
    assert (await doctors.ask("GetDivergence")).panels == 1


async def test_a_panel_without_those_who_are_left_out_is_no_full_one(doctors: Ward) -> None:
    jury = plan(*DOCTORS[:2], aggregation=AVERAGE)
    jury.left_out.append(DOCTORS[2])
    reply = await doctors.infer(jury)
    assert reply.output.HasField("classification")
    assert not reply.aggregation.full_panel
    assert not reply.aggregation.representative
    assert not reply.aggregation.pivotal
    assert (await doctors.ask("GetDivergence")).panels == 0


async def test_plans_that_are_not_the_routers_say_nothing_of_it(doctors: Ward) -> None:
    """Who may predict may come with a plan of his own, under the router's name and its variants'."""
    posing = plan(*DOCTORS[:2])
    posing.members[1].variant, posing.members[1].model = DOCTORS[1], "models/cancer-bayes"
    for made, router in ((posing, "ward"), (plan(), ""), (plan(), "nobody"), (plan(), "x" * 300)):
        await doctors.infer(made, router=router)
    stranger = plan(*DOCTORS[:2])
    stranger.members[0].variant = "made-up"
    await doctors.infer(stranger)
    assert (await doctors.ask("GetDivergence")).panels == 0


async def test_a_cascade_that_always_comes_to_its_end_is_told(doctors: Ward) -> None:
    strict = plan(cascade=Cascade(min_confidence=1.0))
    for row in range(100):
        await doctors.infer(strict, row)
    found = await doctors.ask("GetDivergence")
    assert found.panels == 0
    assert any("100 predictions came down to the last member" in advice for advice in found.advice)


async def test_whom_the_input_does_not_fit_on_the_way_leaves_the_end_the_end(doctors: Ward) -> None:
    strict = plan(cascade=Cascade(min_confidence=1.0, order=[DOCTORS[0], DOCTORS[2], DOCTORS[1]]))
    # Somebody on the way is never called: it wants a column that nobody sends.
    await doctors.models.update(f"models/{DOCTORS[2]}", _wants_more)
    await doctors.follower.reconcile()
    for row in range(100):
        reply = await doctors.infer(strict, row)
        assert [one.outcome for one in reply.participants].count(OUTCOME_SKIPPED) == 1
    found = await doctors.ask("GetDivergence")
    assert any("100 % of 100 predictions came down to the last member" in advice for advice in found.advice)


def _wants_more(model: Model) -> None:
    model.signature.features.add(name="nobody sends it", kind=FEATURE_KIND_NUMERIC)


async def test_a_timeout_is_slack_of_who_sits_in_a_panel(doctors: Ward) -> None:
    """A router that picks one has no member_timeout that could be set; nor has who is disabled a seat."""
    fence = Fence.of(0, "feedback", 1)
    await doctors.connections.steady.set(fence.key, fence.token)
    models = [await doctors.models.read(f"models/{name}") for name in DOCTORS]
    quick = {
        one.uid: ModelMetrics(model_uid=one.uid, model=one.name, requests=400, latency_p99_ms=9.0)
        for one in models
    }
    await ModelMetricsStore(doctors.connections).publish(fence, 0, {}, quick, [], NOON)
    assert await _slack(doctors) == list(DOCTORS)

    def halved(router: Router) -> None:
        router.variants[0].enabled = False

    await doctors.routers.update(ROUTER, halved)
    assert await _slack(doctors) == list(DOCTORS[1:])
    await doctors.routers.update(ROUTER, lambda router: router.ClearField("ensemble"))
    assert await _slack(doctors) == []


async def _slack(ward: Ward) -> list[str]:
    """Whose timeouts are told to be slack."""
    advice = (await ward.ask("GetDivergence")).advice
    said = " ".join(one for one in advice if one.startswith("Slack timeouts"))
    return [name for name in DOCTORS if name in said]


async def test_one_family_is_told_with_how_often_it_differs(doctors: Ward) -> None:
    def kin(model: Model) -> None:
        model.family = "trees"

    for name in DOCTORS:
        await doctors.models.update(f"models/{name}", kin)
    await doctors.follower.reconcile()
    await doctors.infer(plan())
    advice = (await doctors.ask("GetDivergence")).advice
    assert any("All 3 members are of one family, trees" in one and "of 3 rows" in one for one in advice)


async def test_who_was_right_comes_from_feedback(doctors: Ward) -> None:
    """What feedback counted of the hour, and the accuracy that it publishes."""
    router = await doctors.routers.read(ROUTER)
    partition = ids.partition_for(router.uid)
    best, other = DOCTORS[:2]
    truths = [
        PanelTruth(
            router.uid,
            ids.new_prediction_id(partition, doctors.now() - 60, random.Random(number)),
            0,
            {best: True, other: number % 4 > 0},
            number % 20 > 0,
            best,
            1,
            "f",
            30 * DAY,
        )
        for number in range(200)
    ]
    await PanelTruthStore(doctors.connections.steady).count(truths, doctors.now())
    model = await doctors.models.read(f"models/{best}")
    fence = Fence.of(0, "feedback", 1)
    await doctors.connections.steady.set(fence.key, fence.token)
    published = ModelMetrics(model_uid=model.uid, model=model.name, accuracy=0.75, labels=200)
    await ModelMetricsStore(doctors.connections).publish(fence, 0, {}, {model.uid: published}, [], NOON)
    await doctors.infer(plan())
    found = await doctors.ask("GetRoutingEfficiency")
    told = {one.variant: (one.labelled, one.right, one.verdict_right) for one in found.members}
    assert told[best] == (200, 1.0, pytest.approx(0.95))
    assert told[other] == (200, pytest.approx(0.75), pytest.approx(0.95))
    assert told[DOCTORS[2]] == (0, 0, 0)
    assert found.avoidable_right_share == 1.0
    assert any(f"-5.0 points against {best} alone" in one for one in found.advice)
    divergence = await doctors.ask("GetDivergence")
    accuracy = {one.variant: one.accuracy for one in divergence.members if one.HasField("accuracy")}
    assert accuracy == {best: 0.75}
    assert found.advice[-1] in divergence.advice


async def test_a_router_that_does_not_exist_is_not_found(ward: Ward) -> None:
    for method in ("GetDivergence", "GetRoutingEfficiency"):
        with pytest.raises(RemoteError) as refused:
            await ward.ask(method, router="routers/nobody")
        assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "ROUTER_NOT_FOUND")
        with pytest.raises(RemoteError, match="router"):
            await ward.ask(method, router="Not A Name")


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        (-HOUR, -2 * HOUR, "start_time"),
        (-HOUR, -HOUR, "start_time"),
        (HOUR, None, "start_time"),
        (-92 * DAY, None, "start_time"),
        (None, -92 * DAY, "end_time"),
    ],
)
async def test_windows_that_cannot_be_are_refused_by_field(
    ward: Ward, start: int | None, end: int | None, field: str
) -> None:
    times = {"start_time": start, "end_time": end}
    told = {name: Timestamp(seconds=int(ward.now()) + at) for name, at in times.items() if at is not None}
    with pytest.raises(RemoteError, match=field) as refused:
        await ward.ask("GetDivergence", **told)
    assert refused.value.code == "INVALID_ARGUMENT"
    assert [violation.field for violation in refused.value.fields] == [field]


async def test_times_from_another_age_are_refused(ward: Ward) -> None:
    with pytest.raises(RemoteError, match="end_time"):
        await ward.ask("GetDivergence", end_time=Timestamp(seconds=2**62))
    far = await ward.ask(
        "GetDivergence", end_time=Timestamp(seconds=7_000_000_000), start_time=_ago(ward, 60)
    )
    assert far.panels == 0


def _ago(ward: Ward, seconds: int) -> Timestamp:
    return Timestamp(seconds=int(ward.now()) - seconds)


async def test_a_window_has_the_hours_that_it_touches(doctors: Ward) -> None:
    await doctors.infer(plan())
    doctors.late = 3 * HOUR
    await doctors.infer(plan())
    both = await doctors.ask("GetDivergence")
    assert [window.panels for window in both.windows] == [1, 1]
    assert both.windows[1].start_time.seconds - both.windows[0].start_time.seconds == 3 * HOUR
    late = await doctors.ask("GetDivergence", start_time=_ago(doctors, 60))
    assert [window.panels for window in late.windows] == [1]
    early = await doctors.ask("GetDivergence", end_time=_ago(doctors, 2 * HOUR))
    assert [window.panels for window in early.windows] == [1]


async def test_a_router_that_comes_after_one_of_its_name_starts_from_nothing(doctors: Ward) -> None:
    await doctors.infer(plan())
    assert (await doctors.ask("GetDivergence")).panels == 1
    await doctors.routers.discard(ROUTER, etag="")
    await doctors.open()
    assert (await doctors.ask("GetDivergence")).panels == 0
