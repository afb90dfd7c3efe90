"""Known mistakes are pointed out, each with its number: when a router is written, and once its panels have
shown what they are worth."""

import asyncio
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from turnout.aggregator.v1 import aggregator_service_pb2 as aggregator
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2, strategy_pb2
from turnout.router.v1.inference_service_pb2 import PredictResponse
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from examples.demo.rows import Question
from examples.fleet.catalog import registration
from services.aggregator.divergence.intervals import paired
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.stories.asking import ROUTERS, SECONDS, deployed, router, tell
from tests.stories.ensembles.panel import (
    AT_ONCE,
    DOCTORS,
    PRICES,
    answers,
    chances,
    diagnoses,
    questions,
    tabular,
)
from tests.stories.ensembles.surgery import PREFIX, Surgery, chats
from tests.stories.suite import Suite
from tests.waiting import eventually

AGGREGATOR = "turnout.aggregator.v1.AggregatorService"
MODELS = "turnout.router.v1.ModelService"
VOTE = strategy_pb2.AGGREGATION_METHOD_VOTE
ROWS = 240


async def warned(client: Client, wanted: Router) -> str:
    """What CreateRouter says of it; nothing is created."""
    request = router_service_pb2.CreateRouterRequest(router=wanted, validate_only=True)
    reply = await client.unary(ROUTERS, "CreateRouter")(request, timeout=SECONDS)
    return "\n".join(reply.warnings)


async def test_a_kitchen_sink_is_told_when_it_is_written(suite: Suite, surgery: Surgery) -> None:
    client = suite.client("router")
    twins = chats("advice-twins", "bayes", "stump", aggregation=VOTE)
    twins.variants.add(id="twin", model=f"models/{PREFIX}bayes", overrides={"system_prompt": ""})
    assert "kitchen sink: bayes and twin are 2 members of one model" in await warned(client, twins)
    # Of one provider they are homogeneous too; that is no reason to keep the twins quiet.
    kin = router("advice-kin", "cancer-bayes", "cancer-stump", ensemble={})
    kin.variants.add(id="twin", model="cancer-bayes")
    said = await warned(client, kin)
    assert "all 3 members are of one provider, scikit-learn" in said
    assert "kitchen sink: cancer-bayes and twin are 2 members of one model" in said
    heavy = router("advice-heavy", *DOCTORS[:3], ensemble={"aggregation": VOTE})
    for variant, weight in zip(heavy.variants, (60.0, 20.0, 10.0), strict=True):
        variant.weight = weight
    assert "has weight 60, the others together 30, so they never outvote it" in await warned(client, heavy)
    alone = router("advice-alone", DOCTORS[0], "cancer-stump", ensemble={"members": DOCTORS[:1]})
    assert "asks one member" in await warned(client, alone)


async def test_a_homogeneous_ensemble_is_told_when_it_is_written(suite: Suite, surgery: Surgery) -> None:
    client = suite.client("router")
    provider = await warned(client, router("advice-provider", *DOCTORS[:3], ensemble={}))
    assert "all 3 members are of one provider, scikit-learn" in provider
    one = Router(name="routers/advice-model", ensemble=EnsembleStrategy(aggregation=VOTE))
    for threshold in (0.3, 0.5, 0.7):
        one.variants.add(
            id=f"at-{int(10 * threshold)}", model="cancer-bayes", overrides={"threshold": threshold}
        )
    assert "all 3 members are of one model, models/cancer-bayes" in await warned(client, one)
    mixed = await warned(client, chats("advice-mixed", "logistic", "bayes", "stump", aggregation=VOTE))
    assert "homogeneous" not in mixed


async def test_a_missing_timeout_is_refused_and_a_slack_one_told(suite: Suite) -> None:
    client = suite.client("router")
    register = client.unary(MODELS, "RegisterModel")
    model = registration("cancer-bayes", "127.0.0.1:9")
    model.name = "models/told-timeless"
    model.ClearField("timeout")
    with pytest.raises(RemoteError) as refused:
        await register(models.RegisterModelRequest(model=model), timeout=SECONDS)
    assert "model.timeout" in {one.field for one in refused.value.fields}
    slow = await patient(client, suite, "cancer-boosting", 45)
    slack = router("advice-slack", slow, "cancer-stump", ensemble={})
    slack.default_deadline.FromSeconds(5)
    said = await warned(client, slack)
    assert "as long as the whole prediction has, 5 s, or longer: told-cancer-boosting (45 s)" in said


async def patient(client: Client, suite: Suite, served: str, seconds: int) -> str:
    """A model of the fleet, registered once more with a timeout of its own."""
    address = suite.ready["models"][f"models/{served}"].removeprefix("grpc://")
    model = registration(served, address)
    model.name, model.served_name = f"models/told-{served}", served
    model.timeout.FromSeconds(seconds)
    await client.unary(MODELS, "RegisterModel")(models.RegisterModelRequest(model=model), timeout=SECONDS)
    return f"told-{served}"


async def read(suite: Suite, method: str, name: str, **wanted: Any) -> Any:
    """GetDivergence or GetRoutingEfficiency, once it has counted what is wanted."""
    call = suite.client("aggregator").unary(AGGREGATOR, method)
    request = getattr(aggregator, f"{method}Request")(router=name)

    async def counted() -> Any:
        told = await call(request, timeout=SECONDS)
        assert {key: getattr(told, key) for key in wanted} == wanted
        return told

    return await eventually(counted, within=20)


async def with_truth(suite: Suite, replies: Sequence[PredictResponse], asked: Sequence[Question]) -> None:
    client = suite.client("feedback")
    pairs = list(zip(replies, asked, strict=True))
    for begin in range(0, len(pairs), AT_ONCE):
        now = pairs[begin : begin + AT_ONCE]
        await asyncio.gather(*(tell(client, reply.prediction_id, one.truth) for reply, one in now))


async def test_panels_with_truth_tell_who_is_needed_and_what_would_have_been_saved(suite: Suite) -> None:
    """The logistic regression and two who see far less: as an ensemble a kitchen sink, and it says so."""
    client, asked = suite.client("router"), questions("breast-cancer", ROWS)
    served = ("cancer-logistic", "cancer-bayes", "cancer-stump")
    seats = [await patient(client, suite, name, 20) for name in served]
    weights = dict(zip(seats, (0.6, 0.2, 0.2), strict=True))
    sink = router("advice-sink", *seats, ensemble=EnsembleStrategy(aggregation=VOTE, full_panel_fraction=1))
    for variant in sink.variants:
        variant.weight = weights[variant.id]
    await deployed(client, sink)
    replies = await answers(client, "advice-sink", [tabular(one) for one in asked])
    await with_truth(suite, replies, asked)

    truth = np.array([one.truth for one in asked])
    said = dict(zip(seats, [np.array(diagnoses(chances(name, asked))) for name in served], strict=True))
    # Whoever has three fifths of the weight is never outvoted.
    verdict = said[seats[0]]
    prices = {seat: PRICES[name].per_call for seat, name in zip(seats, served, strict=True)}
    await check_divergence(suite, said, verdict, truth)
    await check_efficiency(suite, said, verdict, truth, prices)


Said = dict[str, Any]


async def check_divergence(suite: Suite, said: Said, verdict: Any, truth: Any) -> None:
    told = await read(suite, "GetDivergence", "advice-sink", panels=ROWS)
    differ = {pair: float(np.mean(said[pair[0]] != said[pair[1]])) for pair in combinations(sorted(said), 2)}
    assert {(one.first, one.second): one.disagreement for one in told.pairs} == pytest.approx(differ)
    dissent = {seat: float(np.mean(own != verdict)) for seat, own in said.items()}
    assert {one.variant: one.dissent for one in told.members} == pytest.approx(dissent)
    best = next(iter(said))
    assert {one.variant: one.pivotal > 0 for one in told.members} == {seat: seat == best for seat in said}

    async def advised() -> str:
        advice = "\n".join((await read(suite, "GetDivergence", "advice-sink")).advice)
        # Truth is counted a moment later, and so are latencies.
        assert f"of {ROWS} rows with truth" in advice
        assert "Slack timeouts" in advice
        return advice

    advice = await eventually(advised, within=30)
    pairs = 100 * np.mean(list(differ.values()))
    homogeneous = (
        f"All 3 members are of one provider, scikit-learn, and differ on {pairs:.3g} % of {3 * ROWS} rows"
    )
    assert homogeneous in advice
    for seat in list(said)[1:]:
        assert f"{seat} never changed a verdict in {ROWS} sampled panels" in advice
    within = paired(ROWS, 0, 0, of=len(said))
    right = 100 * float(np.mean(verdict == truth))
    interval = f"{100 * within.low:+.1f} to {100 * within.high:+.1f}"
    sink = f"Kitchen sink: the verdict is right in {right:.3g} % of {ROWS} rows with truth, +0.0 points"
    assert f"{sink} against {best} alone (paired 95 % interval {interval})" in advice
    assert f"{best} may take 20 s" in advice


async def check_efficiency(
    suite: Suite, said: Said, verdict: Any, truth: Any, prices: dict[str, float]
) -> None:
    async def labelled() -> Any:
        told = await read(suite, "GetRoutingEfficiency", "advice-sink", panels=ROWS)
        assert {one.labelled for one in told.members} == {ROWS}
        return told

    told = await eventually(labelled, within=20)
    cheapest_first = sorted(said, key=lambda seat: prices[seat])
    assert [one.variant for one in told.members] == cheapest_first
    for one in told.members:
        own = said[one.variant]
        assert one.mean_cost.amount == pytest.approx(prices[one.variant])
        assert one.same_answer == pytest.approx(np.mean(own == verdict))
        assert one.right == pytest.approx(np.mean(own == truth))
        assert one.verdict_right == pytest.approx(np.mean(verdict == truth))
    total = sum(prices.values())
    assert told.mean_cost.amount == pytest.approx(total)
    # Somebody alone always gives this verdict for less than all together: who, is only known afterwards.
    assert told.avoidable_share == 1
    right = np.any([own == truth for own in said.values()], axis=0)
    assert told.avoidable_right_share == pytest.approx(np.mean(right))
    first = [next(seat for seat in cheapest_first if said[seat][row] == verdict[row]) for row in range(ROWS)]
    assert told.mean_saving.amount == pytest.approx(total - np.mean([prices[seat] for seat in first]))
    same = {seat: float(np.mean(own == verdict)) for seat, own in said.items()}
    cheapest = next(seat for seat in cheapest_first if same[seat] >= 0.9)
    would_do = f"{cheapest} alone gives the verdict in {100 * same[cheapest]:.3g} %"
    assert [one.startswith(would_do) for one in told.advice if " alone gives " in one] == [True]
    assert any(one.startswith("Kitchen sink") for one in told.advice)


async def test_a_cascade_that_always_falls_through_is_told(suite: Suite) -> None:
    client, asked = suite.client("router"), questions("breast-cancer", 100)
    cascade = {"min_confidence": 0.999, "order": ["cancer-stump", "cancer-logistic"]}
    await deployed(
        client, router("advice-walk", "cancer-stump", "cancer-logistic", ensemble={"cascade": cascade})
    )
    replies = await answers(client, "advice-walk", [tabular(one) for one in asked])
    # The stump's two leaves are never as sure as that.
    assert all(reply.manifest.aggregation.rounds == 2 or reply.manifest.warnings for reply in replies)

    async def advised() -> bool:
        told = await read(suite, "GetDivergence", "advice-walk")
        return any("100 % of 100 predictions came down to the last member" in one for one in told.advice)

    assert await eventually(advised, within=20)
