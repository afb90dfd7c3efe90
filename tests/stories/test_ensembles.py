"""Several models, one answer: what a jury, a staged vote and a judge are worth on unseen rows."""

import asyncio
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from turnout.aggregator.v1 import aggregator_service_pb2 as aggregator
from turnout.inference.v1.manifest_pb2 import (
    OUTCOME_CONTRIBUTED,
    OUTCOME_SERVED,
    OUTCOME_SKIPPED,
    OUTCOME_TIMED_OUT,
)
from turnout.router.v1 import ensemble_pb2, router_pb2, strategy_pb2
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1.inference_service_pb2 import PredictResponse

from examples.demo.rows import Question, Supply
from examples.fleet.catalog import FLEET, registration
from examples.fleet.columns import DIGITS, FIGURES
from examples.fleet.data import column_indices
from examples.fleet.training import train
from services.aggregator.divergence.intervals import paired
from services.aggregator.hearing import GRACE_SECONDS
from services.aggregator.polling import SETTLED
from services.foundation.client import Client
from tests.fleet import fleet_model
from tests.stories.asking import INFERENCE, SECONDS, asked, deployed, predict, router
from tests.stories.suite import Suite
from tests.waiting import eventually

# Fixed before anything was measured: the fleet's three who see half a picture, of three families; the best
# of them by the catalog; and the first rows of one drawn order of the unseen ones.
VIEWS = ("digits-right", "digits-top", "digits-bottom")
BEST = max(VIEWS, key=lambda name: FLEET[name].accuracy)
ROWS, SEED = 200, 31
AT_ONCE = 20
MILLISECONDS = 250


async def registered(client: Client, name: str, served: str, address: str, seconds: float = SECONDS) -> str:
    """A model of its own name at the address of a server of the fleet, patient unless told otherwise."""
    model = registration(served, address)
    model.name, model.served_name = f"models/{name}", served
    model.timeout.FromNanoseconds(int(seconds * 1e9))
    await client.unary("turnout.router.v1.ModelService", "RegisterModel")(
        models.RegisterModelRequest(model=model), timeout=SECONDS
    )
    return name


@pytest.fixture(scope="module")
async def views(suite: Suite) -> list[str]:
    """The three, as models of this story."""
    client, where = suite.client("router"), suite.ready["models"]
    return [
        await registered(client, f"ensembles-{name}", name, where[f"models/{name}"].removeprefix("grpc://"))
        for name in VIEWS
    ]


def questions(count: int) -> list[Question]:
    supply = Supply("digits", SEED)
    return [supply.take() for _ in range(count)]


async def answers(
    client: Client, name: str, questions: Sequence[Question], variant: str = ""
) -> list[PredictResponse]:
    """Replies in the order of the questions, of the variant if one is named."""
    call, found = client.unary(INFERENCE, "Predict"), list[PredictResponse]()
    for begin in range(0, len(questions), AT_ONCE):
        requests = [asked(name, question) for question in questions[begin : begin + AT_ONCE]]
        for request in requests:
            request.variant = variant
        found += await asyncio.gather(*(call(request, timeout=SECONDS) for request in requests))
    return found


def named(reply: PredictResponse) -> list[tuple[str, int]]:
    """Everybody in the manifest, and how often."""
    variants = [one.variant for one in reply.manifest.participants]
    return sorted((variant, variants.count(variant)) for variant in set(variants))


def right(replies: Sequence[PredictResponse], rows: Sequence[Question]) -> list[bool]:
    return [
        one.output.classification.label == question.truth for one, question in zip(replies, rows, strict=True)
    ]


def labels(name: str, rows: Sequence[Question]) -> list[str]:
    """What a model of the fleet says of the rows, asked without a server."""
    seen = np.array([[question.features[column] for column in DIGITS] for question in rows])
    said = train(name).predict(seen[:, column_indices("digits", FLEET[name].columns)])
    return [FIGURES[place] for place in said]


async def test_a_jury_is_better_than_its_best_member_and_divergence_tells_why(
    suite: Suite, views: list[str]
) -> None:
    client, rows = suite.client("router"), questions(ROWS)
    await deployed(client, router("ensembles-jury", *views, ensemble={}))
    await deployed(client, router("ensembles-alone", *views, weighted={}))
    jury = await answers(client, "ensembles-jury", rows)
    alone = await answers(client, "ensembles-alone", rows, variant=f"ensembles-{BEST}")
    assert all(named(reply) == sorted((name, 1) for name in views) for reply in jury)
    assert all(reply.manifest.aggregation.quorum_met == len(views) for reply in jury)

    pairs = list(zip(right(jury, rows), right(alone, rows), strict=True))
    won, lost = pairs.count((True, False)), pairs.count((False, True))
    interval = paired(ROWS, won, lost)
    within = "includes 0: nothing is shown" if interval.low <= 0 else "excludes 0"
    assert interval.low > 0, f"of {ROWS} rows {won} won, {lost} lost: {interval} {within}"

    request = aggregator.GetDivergenceRequest(router="ensembles-jury")
    call = suite.client("aggregator").unary("turnout.aggregator.v1.AggregatorService", "GetDivergence")

    async def counted() -> Any:
        told = await call(request, timeout=SECONDS)
        assert told.panels == ROWS
        return told

    told = await eventually(counted)
    said = {f"ensembles-{name}": labels(name, rows) for name in VIEWS}
    differ = {
        pair: sum(one != other for one, other in zip(said[pair[0]], said[pair[1]], strict=True)) / ROWS
        for pair in combinations(sorted(views), 2)
    }
    assert {(one.first, one.second): one.disagreement for one in told.pairs} == pytest.approx(differ)
    dissent = {
        name: sum(name in reply.manifest.aggregation.dissenting for reply in jury) / ROWS for name in views
    }
    assert {one.variant: one.dissent for one in told.members} == pytest.approx(dissent)


async def test_a_juror_that_hangs_never_delays_a_reply_past_its_own_timeout(
    suite: Suite, views: list[str]
) -> None:
    client, late = suite.client("router"), list[float]()
    async with fleet_model("digits-bottom", "hang") as server:
        hanging = await registered(
            client, "ensembles-hanging", "digits-bottom", server.address, MILLISECONDS / 1e3
        )
        await deployed(client, router("ensembles-held", *views[:2], hanging, ensemble={}))
        for reply in [await predict(client, "ensembles-held", question) for question in questions(5)]:
            assert named(reply) == sorted((name, 1) for name in (*views[:2], hanging))
            account = {one.variant: one for one in reply.manifest.participants}
            assert [account[name].outcome for name in views[:2]] == [OUTCOME_CONTRIBUTED] * 2
            assert account[hanging].outcome == OUTCOME_TIMED_OUT
            assert reply.manifest.degraded
            assert any(hanging in warning for warning in reply.manifest.warnings)
            late.append(account[hanging].latency.ToNanoseconds() / 1e6)
        # It was let go of each time, and has answered nobody: no reply can have waited for it.
        assert server.calls == len(late)
        await eventually(lambda: server.cancelled == len(late))
    # The machine may be busy, so the least: a reply that waits for anything else does so every time.
    assert min(late) <= MILLISECONDS + GRACE_SECONDS * 1e3, late


async def test_a_staged_vote_says_what_the_whole_panel_says_with_fewer_calls(
    suite: Suite, views: list[str]
) -> None:
    client, rows = suite.client("router"), questions(40)
    seats = [*views, f"{views[0]}-again", f"{views[1]}-again"]
    variants = [router_pb2.Variant(id=seat, model=f"models/{seat.removesuffix('-again')}") for seat in seats]
    for name, how in (
        ("ensembles-whole", {"full_panel_fraction": 1.0}),
        ("ensembles-staged", {"full_panel_fraction": 0.0, "launch": strategy_pb2.LAUNCH_STAGED}),
    ):
        vote = strategy_pb2.EnsembleStrategy(aggregation=strategy_pb2.AGGREGATION_METHOD_VOTE, **how)  # type: ignore[arg-type]
        wanted = router_pb2.Router(name=f"routers/{name}", variants=variants, ensemble=vote)
        await deployed(client, wanted)
    whole = await answers(client, "ensembles-whole", rows)
    staged = await answers(client, "ensembles-staged", rows)
    everybody = sorted((seat, 1) for seat in seats)
    spared = 0
    for full, part in zip(whole, staged, strict=True):
        assert part.output.classification.label == full.output.classification.label
        assert named(full) == named(part) == everybody
        unasked = [one for one in part.manifest.participants if one.outcome == OUTCOME_SKIPPED]
        assert {one.error_message for one in unasked} <= {SETTLED}
        assert part.manifest.aggregation.stopped_early == bool(unasked)
        assert not part.manifest.degraded
        spared += len(unasked)
    # Nobody who was asked all the same would have shown anything.
    assert spared > len(rows)


async def test_a_judge_escalates_what_its_condition_rejects_and_nothing_else(
    suite: Suite, views: list[str]
) -> None:
    client, rows = suite.client("router"), questions(30)
    judge = ensemble_pb2.Judge(
        check=ensemble_pb2.Check(cel="confidence > 0.9"), on_exhausted=ensemble_pb2.EXHAUSTED_SERVE_LAST
    )
    await deployed(client, router("ensembles-audited", *views[:2], ensemble={"judge": judge}))
    rounds = set()
    for reply in await answers(client, "ensembles-audited", rows):
        assert named(reply) == sorted((name, 1) for name in views[:2])
        first, second = reply.manifest.participants
        assert [first.variant, second.variant] == views[:2]
        if first.confidence > 0.9:
            assert [first.outcome, second.outcome] == [OUTCOME_SERVED, OUTCOME_SKIPPED]
        else:
            assert (second.outcome, second.attempt) == (OUTCOME_SERVED, 1)
            # An answer that is served unaccepted comes with a word about it.
            told = any("nobody's answer will do" in one for one in reply.manifest.warnings)
            assert told == (second.confidence <= 0.9)
            assert not reply.manifest.degraded
        rounds.add(reply.manifest.aggregation.rounds)
    assert rounds == {1, 2}
