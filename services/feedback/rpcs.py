"""FeedbackService, intake: what came of predictions goes in, and what was learnt from it is forgotten."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from turnout.feedback.v1 import feedback_service_pb2 as rpc

from services.feedback.durability import Durability
from services.feedback.importing import Importer, status_name
from services.feedback.intake import Intake, May
from services.feedback.joining import Joint
from services.feedback.rulebook import Rulebook
from services.feedback.standings import learner_of
from services.feedback.wire.requests import completed
from services.foundation.call import Call
from services.foundation.metrics import Metrics
from services.foundation.rules import Role
from services.state.audit import Author
from services.state.claims import Learner
from services.state.once import Requests, once
from services.state.permissions import CatalogPermissions
from services.state.resets import ResetStore, Subject

SERVICE = "turnout.feedback.v1.FeedbackService"


@dataclass(slots=True)
class Intaking:
    """What the methods of intake share. permissions: None where access is open."""

    intake: Intake
    joint: Joint
    importer: Importer
    resets: ResetStore
    requests: Requests
    rulebook: Rulebook
    durability: Durability
    metrics: Metrics
    now: Callable[[], float]
    permissions: CatalogPermissions | None = None


class IntakeRpcs:
    """A part of FeedbackService."""

    intaking: Intaking

    async def RecordFeedback(
        self, request: rpc.RecordFeedbackRequest, call: Call
    ) -> rpc.RecordFeedbackResponse:
        """Take a reward, a metric or the truth of a prediction; acknowledged means that Redis has it."""
        feedback = completed(request, self.intaking.now())
        taken = await self.intaking.joint.take(feedback, call.remaining() / 2)
        self.intaking.metrics.feedback[status_name(taken.status).lower()].inc()
        return rpc.RecordFeedbackResponse(
            status=taken.status,
            feedback_id=feedback.feedback_id,
            router=taken.router,
            variant=taken.variant,
            durability=await self.intaking.durability.level(),
            prediction_id=taken.prediction_id,
        )

    async def ImportFeedback(
        self, requests: AsyncIterator[rpc.ImportFeedbackRequest], call: Call
    ) -> rpc.ImportFeedbackResponse:
        """Take a stream of it; each item is answered for itself."""
        reply = await self.intaking.importer.take(requests, self._may(call))
        reply.durability = await self.intaking.durability.level()
        return reply

    async def ResetRewards(self, request: rpc.ResetRewardsRequest, call: Call) -> rpc.ResetRewardsResponse:
        """Forget what a router has learnt: its arms start anew, from what is predicted from now on."""
        change = once("ResetRewards", request, call.caller.name)
        rules = await self.intaking.rulebook.named(request.router)
        await self.intaking.requests.reserve(change, rules.uid)
        own = learner_of(rules)
        all_of_it = {Learner(rules.partition, rules.uid, one.key) for one in rules.measures.values()}
        learners = [*sorted(all_of_it - {own}), own]
        by = Author(call.caller.name, f"{SERVICE}/ResetRewards", call.request_id)
        subject = Subject(rules.uid, rules.name, learners)
        done = await self.intaking.resets.reset(subject, by, change, self.intaking.now())
        reply = rpc.ResetRewardsResponse(learner_generation=done.generation)
        reply.reset_time.FromMilliseconds(round(done.time * 1000))
        return reply

    def _may(self, call: Call) -> May:
        if self.intaking.permissions is None or call.caller.admin:
            return None
        return self.intaking.permissions.on_predictions(call.caller, Role.PREDICTOR)
