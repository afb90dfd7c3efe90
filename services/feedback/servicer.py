"""FeedbackService: what came of predictions goes in, what was learnt from it comes out."""

from collections.abc import Callable

from turnout.feedback.v1 import feedback_service_pb2 as rpc

from services.feedback.durability import Durability
from services.feedback.evidence.reading import EvidenceStore
from services.feedback.evidence.rpcs import ExperimentRpcs
from services.feedback.intake import Intake
from services.feedback.offpolicy.rpcs import EvaluationRpcs, Evaluator
from services.feedback.rulebook import Rulebook
from services.feedback.standings import Standings
from services.feedback.wire.requests import completed
from services.feedback.wire.snapshots import NOT_ALLOTTED, as_published, snapshot_of, with_posteriors
from services.foundation.call import Call
from services.foundation.metrics import Metrics
from services.state.learned import SnapshotStore


class FeedbackServicer(ExperimentRpcs, EvaluationRpcs):
    """Each method: parse, load, decide, save, reply. `now` is in seconds since 1970."""

    SERVICE = "turnout.feedback.v1.FeedbackService"

    def __init__(
        self,
        intake: Intake,
        rulebook: Rulebook,
        standings: Standings,
        snapshots: SnapshotStore,
        durability: Durability,
        evidence: EvidenceStore,
        evaluator: Evaluator,
        metrics: Metrics,
        now: Callable[[], float],
    ) -> None:
        self._intake = intake
        self._rulebook = rulebook
        self._standings = standings
        self._snapshots = snapshots
        self._durability = durability
        self._evidence = evidence
        self.evaluator = evaluator
        self._metrics = metrics
        self._now = now

    async def RecordFeedback(
        self, request: rpc.RecordFeedbackRequest, call: Call
    ) -> rpc.RecordFeedbackResponse:
        """Take a reward, a metric or the truth of a prediction; acknowledged means that Redis has it."""
        feedback = completed(request, self._now())
        taken = await self._intake.take(feedback, patience=call.remaining() / 2)
        status = rpc.FeedbackStatus.Name(taken.status).removeprefix("FEEDBACK_STATUS_")
        self._metrics.feedback[status.lower()].inc()
        return rpc.RecordFeedbackResponse(
            status=taken.status,
            feedback_id=feedback.feedback_id,
            router=taken.router,
            variant=taken.variant,
            durability=await self._durability.level(),
        )

    async def GetRewards(self, request: rpc.GetRewardsRequest, _call: Call) -> rpc.GetRewardsResponse:
        """What a router has learnt until now, and the allocation that is in force."""
        rules = await self._rulebook.named(request.router)
        standing = await self._standings.read(rules)
        published = await self._snapshots.read(rules.uid)
        snapshot = snapshot_of(rules, standing, NOT_ALLOTTED, self._now())
        return rpc.GetRewardsResponse(rewards=with_posteriors(as_published(snapshot, published), rules))
