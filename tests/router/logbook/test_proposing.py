"""Proposals asked of logged predictions: probabilities that would be drawn with, or why nobody knows."""

from typing import Any

import pytest
from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import REDACTION_HASHED, Router

from services.foundation.errors import RemoteError
from services.router.servicers.proposals import MOST_SCORED
from services.state.connection import Connections
from services.state.fenced import Fence
from services.state.learned import SnapshotStore
from tests.router.logbook.conftest import Shelf

BAYES, STUMP = "cancer-bayes", "cancer-stump"
RULED = {
    "rules": [{"condition": "features['mean radius'] > 15", "model": STUMP}],
    "default_model": BAYES,
}


async def asked(shelf: Shelf, ids: list[str], **proposal: Any) -> rpc.ScoreProposalResponse:
    request = rpc.ScoreProposalRequest(router="cancer", proposal=Router(**proposal), prediction_ids=ids)
    reply: rpc.ScoreProposalResponse = await shelf.desk.call("RouterService/ScoreProposal", request)
    return reply


async def refused(shelf: Shelf, ids: list[str], **proposal: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await asked(shelf, ids, **proposal)
    return caught.value


def radius(value: float) -> dict[str, Any]:
    return {"features": {"numeric_features": {"mean radius": value}}}


def of(reply: rpc.ScoreProposalResponse) -> list[dict[str, float]]:
    return [dict(zip(reply.variants, one.probabilities, strict=True)) for one in reply.scores]


async def test_other_weights_give_other_probabilities(shelf: Shelf) -> None:
    ids = await shelf.write(shelf.event(60), shelf.event(50))
    variants = [{"model": BAYES, "weight": 30}, {"model": STUMP, "weight": 90}]
    reply = await asked(shelf, ids, variants=variants)
    assert of(reply) == [{BAYES: 0.25, STUMP: 0.75}] * 2
    assert reply.proposal.HasField("weighted"), "what a proposal does not say stays"


async def test_a_rule_on_a_feature_reads_the_logged_request(shelf: Shelf) -> None:
    ids = await shelf.write(shelf.event(60, **radius(20.0)), shelf.event(50, **radius(10.0)))
    assert of(await asked(shelf, ids, feature_based=RULED)) == [
        {BAYES: 0.0, STUMP: 1.0},
        {BAYES: 1.0, STUMP: 0.0},
    ]


async def test_a_proposal_does_what_a_router_of_that_configuration_explains(shelf: Shelf) -> None:
    """The same request, asked of a router that really has it."""
    await shelf.desk.deploy(
        "really", Router(variants=[{"model": BAYES}, {"model": STUMP}], feature_based=RULED)
    )
    for value in (14.0, 15.0, 15.1):
        (one,) = of(
            await asked(shelf, await shelf.write(shelf.event(60, **radius(value))), feature_based=RULED)
        )
        request = inference.ExplainRequest(router="really")
        request.input.row.update({"mean radius": value, "mean texture": 20.0})
        told = (await shelf.desk.call("InferenceService/Explain", request)).decision
        assert one == {each.variant: each.probability for each in told.candidates}


async def test_whoever_was_out_is_out_for_the_proposal_too(shelf: Shelf) -> None:
    event = shelf.event(60)
    event.manifest.decision.candidates.add(
        model=f"models/{BAYES}", reason="ejected until 10:00:00 UTC: 5 failures"
    )
    event.manifest.decision.candidates.add(model=f"models/{STUMP}", reason="disabled")
    assert of(
        await asked(
            shelf,
            await shelf.write(event),
            canary={"baseline_model": BAYES, "canary_model": STUMP, "canary_percentage": 5},
        )
    ) == [{BAYES: 0.0, STUMP: 1.0}]


async def test_what_the_log_does_not_have_makes_a_prediction_unknown(shelf: Shelf) -> None:
    hidden: PredictionEvent = shelf.event(60, **radius(20.0))
    hidden.withheld.append("mean radius")
    ids = await shelf.write(hidden, shelf.event(50), shelf.event(40, **radius(20.0)))
    reply = await asked(shelf, [*ids, shelf.event(30).manifest.prediction_id], feature_based=RULED)
    assert [one.unknown for one in reply.scores] == [
        "a condition reads features.mean radius, which the router does not log as it is",
        "a condition reads features.mean radius, and the input was not logged as it came",
        "",
        "the router has no record of it",
    ]
    assert [len(one.probabilities) for one in reply.scores] == [0, 0, 2, 0]


async def test_a_variant_that_stood_for_another_model_is_not_the_same(shelf: Shelf) -> None:
    event = shelf.event(60)
    event.manifest.decision.candidates.add(variant=BAYES, model="models/cancer-logistic")
    event.manifest.decision.candidates.add(variant="gone", model="models/gone")
    (one,) = (await asked(shelf, await shelf.write(event), random={})).scores
    assert one.unknown == f"the variant {BAYES} stood for models/cancer-logistic then"


async def test_another_routers_predictions_are_not_known(shelf: Shelf) -> None:
    other = shelf.event(60)
    other.router_uid = "01975d00-0000-7000-8000-000000000001"
    (one,) = (await asked(shelf, await shelf.write(other), round_robin={})).scores
    assert one.unknown == "the router has no record of it"


@pytest.mark.parametrize("strategy", ["least_loaded", "latency_based", "ensemble", "bandit"])
async def test_a_strategy_without_probabilities_is_refused(shelf: Shelf, strategy: str) -> None:
    error = await refused(shelf, await shelf.write(shelf.event(60)), **{strategy: {}})
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "NO_PROPENSITY")
    assert error.message.startswith(f"proposal: {strategy} ")
    assert [one.field for one in error.fields] == ["proposal"]


async def test_a_proposal_is_checked_as_a_router_is(shelf: Shelf) -> None:
    ids = await shelf.write(shelf.event(60))
    error = await refused(shelf, ids, feature_based={**RULED, "rules": [{"condition": "1 +"}]})
    assert error.code == "INVALID_ARGUMENT"
    assert error.fields[0].field.startswith("proposal.feature_based.rules[0]")
    error = await refused(shelf, ids, variants=[{"model": "nobody"}, {"model": STUMP}])
    assert (error.code, error.reason) == ("NOT_FOUND", "MODEL_NOT_FOUND")
    error = await refused(shelf, ids)
    assert error.code == "INVALID_ARGUMENT", "a proposal of nothing"


async def test_nothing_is_changed_by_asking(shelf: Shelf) -> None:
    ids = await shelf.write(shelf.event(60))
    read = rpc.GetRouterRequest(name="cancer")
    before = await shelf.desk.call("RouterService/GetRouter", read)
    await asked(shelf, ids, random={})
    assert await shelf.desk.call("RouterService/GetRouter", read) == before


async def test_the_number_of_predictions_is_bounded(shelf: Shelf) -> None:
    for ids in ([], ["x"] * (MOST_SCORED + 1)):
        error = await refused(shelf, ids, random={})
        assert [one.field for one in error.fields] == ["prediction_ids"]


async def test_a_bandit_draws_with_what_it_has_published(shelf: Shelf, connections: Connections) -> None:
    """Nothing of it is published for a router that is none; what is, holds also for a stricter floor."""
    fence = Fence.of(shelf.partition, "feedback", 1)
    await connections.steady.set(fence.key, fence.token)
    snapshot = RewardSnapshot(router_uid=shelf.router.uid, router="routers/cancer", generation=1)
    snapshot.arms.add(variant=BAYES, probability=0.98)
    snapshot.arms.add(variant=STUMP, probability=0.02)
    await SnapshotStore(connections).publish(snapshot, fence)
    await connections.steady.delete(fence.key)
    ids = await shelf.write(shelf.event(60))
    reply = await asked(shelf, ids, bandit={"floor": 0.1})
    assert of(reply) == [{BAYES: 0.9, STUMP: 0.1}]
    assert any("version 1" in one for one in reply.warnings)


async def test_who_is_new_in_a_proposal_has_the_share_of_a_newcomer(
    shelf: Shelf, connections: Connections
) -> None:
    """Of who is disabled a share of 0 is published: that says nothing of what it would get."""
    await shelf.desk.seat("cancer-logistic")
    off = "cancer-logistic"
    given = Router(variants=[{"model": BAYES}, {"model": STUMP}, {"model": off, "enabled": False}], bandit={})
    shelf.at(await shelf.desk.deploy("learner", given))
    fence = Fence.of(shelf.partition, "feedback", 1)
    await connections.steady.set(fence.key, fence.token)
    snapshot = RewardSnapshot(router_uid=shelf.router.uid, router="routers/learner", generation=1)
    for variant, share in ((BAYES, 1.0), (STUMP, 0.0), (off, 0.0)):
        snapshot.arms.add(variant=variant, probability=share)
    await SnapshotStore(connections).publish(snapshot, fence)
    await connections.steady.delete(fence.key)
    given.variants[2].enabled = True
    request = rpc.ScoreProposalRequest(router="learner", proposal=Router(variants=given.variants))
    request.prediction_ids.extend(await shelf.write(shelf.event(60)))
    reply = await shelf.desk.call("RouterService/ScoreProposal", request)
    assert of(reply) == [{BAYES: 0.75, STUMP: 0.0, off: 0.25}]


async def test_a_policy_goes_before_the_strategy(shelf: Shelf) -> None:
    ids = await shelf.write(shelf.event(60, attributes={"tier": "gold"}), shelf.event(50))
    policy = {"name": "gold", "priority": 1, "condition": "attributes.tier == 'gold'", "variant": STUMP}
    reply = await asked(shelf, ids, policies=[policy])
    assert of(reply) == [{BAYES: 0.0, STUMP: 1.0}, {BAYES: 0.5, STUMP: 0.5}]


async def test_an_attribute_that_is_redacted_is_not_known(shelf: Shelf) -> None:
    kept = shelf.router
    kept.log.redact["tier"] = REDACTION_HASHED
    await shelf.desk.call("RouterService/UpdateRouter", rpc.UpdateRouterRequest(router=kept))
    ids = await shelf.write(shelf.event(60, attributes={"tier": "hash:1"}))
    policy = {"name": "gold", "priority": 1, "condition": "attributes.tier == 'gold'", "variant": STUMP}
    (one,) = (await asked(shelf, ids, policies=[policy])).scores
    assert one.unknown == "a condition reads attributes.tier, which the router does not log as it is"
