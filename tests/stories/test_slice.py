"""A prediction and what comes of it, through all four services."""

from turnout.drift.v1 import baseline_pb2, drift_service_pb2
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest
from turnout.drift.v1.baseline_rpc_pb2 import CreateBaselineRequest
from turnout.feedback.v1 import feedback_service_pb2 as feedback
from turnout.inference.v1 import manifest_pb2
from turnout.router.v1 import router_pb2, router_service_pb2, strategy_pb2

from examples.demo import pages
from examples.demo.rows import Supply, training_columns
from tests.stories.asking import ROUTERS, SECONDS, arms, deployed, predict, router, tell
from tests.stories.suite import Suite
from tests.waiting import eventually

DRIFT = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"].full_name
ROWS = 60
# A duplicate also at first, where the client has sent it again because no reply came: what is counted tells.
TAKEN = (feedback.FEEDBACK_STATUS_DUPLICATE, feedback.FEEDBACK_STATUS_ACCEPTED_PENDING)


async def test_a_label_becomes_a_reward_an_accuracy_and_a_new_allocation(suite: Suite) -> None:
    client, learner = suite.client("router"), suite.client("feedback")
    bandit = strategy_pb2.BanditStrategy(exploration_rate=0.3)
    running = await deployed(client, router("slice-bandit", "digits-bottom", "digits-right", bandit=bandit))
    assert running.state == router_pb2.ROUTER_STATE_RUNNING
    supply = Supply("digits", 11)
    right = {"digits-bottom": 0, "digits-right": 0}
    drawn = {"digits-bottom": 0, "digits-right": 0}
    for _ in range(ROWS):
        question = supply.take()
        reply = await predict(client, "slice-bandit", question)
        variant = reply.manifest.decision.variant
        drawn[variant] += 1
        # A world in which one of the two is always right, so that there is one thing to learn.
        said = reply.output.classification.label
        truth = said if variant == "digits-right" else str((int(said) + 1) % 10)
        right[variant] += variant == "digits-right"
        told = await tell(learner, reply.prediction_id, truth, feedback_id=f"slice-{reply.prediction_id}")
        assert told.status in (feedback.FEEDBACK_STATUS_ACCEPTED, *TAKEN)
        again = await tell(learner, reply.prediction_id, truth, feedback_id=f"slice-{reply.prediction_id}")
        assert again.status in TAKEN

    async def counted() -> bool:
        known = await arms(learner, "slice-bandit")
        return {name: known[name].rewards for name in drawn} == drawn

    await eventually(counted, within=20)
    known = await arms(learner, "slice-bandit")
    assert {name: known[name].pulls for name in drawn} == drawn
    assert known["digits-right"].mean == 1.0
    assert known["digits-bottom"].mean == 0.0

    async def moved() -> bool:
        reply = await predict(client, "slice-bandit", supply.take())
        allotted = {one.variant: one.probability for one in reply.manifest.decision.candidates}
        return abs(allotted["digits-right"] - 0.85) < 1e-6

    await eventually(moved, within=20)


async def test_logged_features_become_a_drift_result(suite: Suite) -> None:
    client, drift = suite.client("router"), suite.client("drift")
    columns = {
        name: baseline_pb2.NumericColumn(values=v) for name, v in training_columns("breast-cancer").items()
    }
    made = CreateBaselineRequest(
        model="cancer-stump", columns=baseline_pb2.Columns(numeric={"mean radius": columns["mean radius"]})
    )
    await drift.unary(DRIFT, "CreateBaseline")(made, timeout=SECONDS)
    await deployed(client, router("slice-drift", "cancer-stump", "cancer-bayes"))
    supply = Supply("breast-cancer", 12)
    request = AnalyzeRequest(model="cancer-stump")

    async def known_to_drift() -> bool:
        """A baseline reaches the consumers a moment after it was made: rows before it are in no profile."""
        question = supply.take()
        grown = question._replace(features={**question.features, "mean radius": 40.0})
        await predict(client, "slice-drift", grown)
        result = (await drift.unary(DRIFT, "Analyze")(request, timeout=SECONDS)).result
        return bool(
            result.rows >= 30
            and result.features[0].feature == "mean radius"
            and result.features[0].significant
        )

    await eventually(known_to_drift, within=60)


async def test_a_jury_names_everybody_and_the_metrics_agree(suite: Suite) -> None:
    client = suite.client("router")
    members = ("digits-right", "digits-top", "digits-bottom")
    vote = strategy_pb2.EnsembleStrategy(
        aggregation=strategy_pb2.AGGREGATION_METHOD_VOTE, full_panel_fraction=1.0
    )
    before = await pages.read([url for urls in suite.ready["metrics"].values() for url in urls], "")
    await deployed(client, router("slice-jury", *members, ensemble=vote))
    supply = Supply("digits", 13)
    for _ in range(10):
        reply = await predict(client, "slice-jury", supply.take())
        assert {one.variant for one in reply.manifest.participants} == set(members)
        assert {one.role for one in reply.manifest.participants} == {manifest_pb2.PARTICIPANT_ROLE_JUROR}
        assert reply.manifest.aggregation.method == "vote"
        assert reply.manifest.aggregation.quorum_met == 3
    after = await pages.read([url for urls in suite.ready["metrics"].values() for url in urls], "")
    for model in members:
        assert after.decisions["ensemble", model] - before.decisions.get(("ensemble", model), 0) == 10
        assert after.latencies[model] - before.latencies.get(model, 0) >= 10


async def test_routers_are_listed_with_what_was_deployed(suite: Suite) -> None:
    client = suite.client("router")
    await deployed(client, router("slice-listed", "cancer-bayes", "cancer-stump"))
    # Other stories have routers of their own in this suite: as many as come, page by page.
    asked = router_service_pb2.ListRoutersRequest(page_size=20)
    found: dict[str, router_pb2.Router] = {}
    while True:
        page = await client.unary(ROUTERS, "ListRouters")(asked, timeout=SECONDS)
        found |= {one.name: one for one in page.routers}
        if not page.next_page_token:
            break
        asked.page_token = page.next_page_token
    assert found["routers/slice-listed"].state == router_pb2.ROUTER_STATE_RUNNING
    assert found["routers/slice-listed"].endpoint
