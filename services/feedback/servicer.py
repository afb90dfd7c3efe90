"""FeedbackService: what came of predictions goes in, what was learnt from it comes out."""

from collections.abc import Callable

from turnout.feedback.v1 import feedback_service_pb2 as rpc

from services.feedback.canary.rpcs import Canaries, CanaryRpcs
from services.feedback.evidence.reading import EvidenceStore
from services.feedback.evidence.rpcs import ExperimentRpcs
from services.feedback.offpolicy.rpcs import EvaluationRpcs, Evaluator
from services.feedback.rpcs import IntakeRpcs, Intaking
from services.feedback.rulebook import Rulebook
from services.feedback.showing import shown
from services.feedback.stackers.rpcs import Fitter, StackerRpcs
from services.feedback.standings import Standings
from services.foundation.call import Call
from services.state.learned import SnapshotStore


class FeedbackServicer(IntakeRpcs, ExperimentRpcs, EvaluationRpcs, CanaryRpcs, StackerRpcs):
    """Each method: parse, load, decide, save, reply. `now` is in seconds since 1970."""

    SERVICE = "turnout.feedback.v1.FeedbackService"

    def __init__(
        self,
        intaking: Intaking,
        rulebook: Rulebook,
        standings: Standings,
        snapshots: SnapshotStore,
        evidence: EvidenceStore,
        evaluator: Evaluator,
        fitter: Fitter,
        canaries: Canaries,
        now: Callable[[], float],
    ) -> None:
        self.intaking = intaking
        self._rulebook = rulebook
        self._standings = standings
        self._snapshots = snapshots
        self._evidence = evidence
        self.evaluator = evaluator
        self.fitter = fitter
        self.canaries = canaries
        self._now = now

    async def GetRewards(self, request: rpc.GetRewardsRequest, _call: Call) -> rpc.GetRewardsResponse:
        """What a router has learnt until now, and the allocation that is in force, or follows a reset."""
        rules = await self._rulebook.named(request.router)
        standing = await self._standings.read(rules)
        published = await self._snapshots.read(rules.uid)
        costs = self._rulebook.costs(rules)
        return rpc.GetRewardsResponse(rewards=shown(rules, standing, published, costs, self._now()))
