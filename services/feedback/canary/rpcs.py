"""FeedbackService, canaries: what a person reads of them and decides about them."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from turnout.feedback.v1 import canary_pb2 as wire
from turnout.router.v1.router_service_pb2 import TransitionCanaryRequest

from services.feedback.canary.controller import memory_of
from services.feedback.canary.deciding import Kind, decide, remember
from services.feedback.canary.observing import Observer
from services.feedback.canary.plan import Canary
from services.feedback.errors import NoCanary
from services.feedback.router_door import RouterDoor
from services.feedback.rulebook import Rulebook
from services.feedback.rules import Rules
from services.feedback.wire.promotions import evidence_told, status_told
from services.feedback.wire.routers import rules_of
from services.foundation.call import Call
from services.foundation.errors import InvalidArgument, RemoteError
from services.state.canaries import CanaryStore
from services.state.errors import RequestIdReused
from services.state.ids import new_uid
from services.state.once import reused

# As long as the router takes it for a transition's.
LONGEST_ID = 64


class Asked(Protocol):
    """What the requests of people have in common."""

    router: str
    reason: str
    etag: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Canaries:
    """What the methods need. `now` is in seconds since 1970."""

    rulebook: Rulebook
    store: CanaryStore
    observer: Observer
    door: RouterDoor
    now: Callable[[], float]
    rng: random.Random

    async def status(self, rules: Rules) -> wire.CanaryStatus:
        """Where the router's canary stands. Raises NoCanary, StateUnavailable, NewerFormat."""
        plan = canary_of(rules)
        held, seen = await self.store.read(rules.uid), await self.observer.see(rules, plan)
        memory = remember(memory_of(held.memory), plan, seen)
        return status_told(rules, plan, memory, seen, decide(plan, memory, seen, self.now()))

    async def move(self, kind: Kind, request: Asked, call: Call) -> wire.CanaryStatus:
        """Ask the router for what a person wants, for that person; what is known goes into the event. Raises
        InvalidArgument, NoCanary, and what the router refuses."""
        if len(request.request_id) > LONGEST_ID:
            said = f"at most {LONGEST_ID} characters, got {len(request.request_id)}"
            raise InvalidArgument(f"request_id: {said}", fields=[("request_id", said)])
        rules = await self.rulebook.named(request.router)
        plan = canary_of(rules)
        asked = TransitionCanaryRequest(
            name=rules.name,
            transition_id=request.request_id or new_uid(self.now(), self.rng),
            etag=request.etag,
            move=f"CANARY_MOVE_{kind}",
            reason=request.reason,
        )
        seen = await self.observer.see(rules, plan)
        await self.store.note(rules.uid, asked.transition_id, evidence_told(plan, seen))
        try:
            reply = await self.door.transition(asked, call)
        except RemoteError as failed:
            # The router knows the id by the name that its own callers give it.
            if failed.reason == RequestIdReused.reason:
                raise reused(asked.transition_id) from None
            raise
        return await self.status(rules_of(reply.router))


class CanaryRpcs:
    """Five methods of FeedbackService, and a list."""

    canaries: Canaries

    async def GetCanary(self, request: wire.GetCanaryRequest, _call: Call) -> wire.GetCanaryResponse:
        """Where a canary stands, and what it waits for."""
        rules = await self.canaries.rulebook.named(request.router)
        return wire.GetCanaryResponse(canary=await self.canaries.status(rules))

    async def PromoteCanary(
        self, request: wire.PromoteCanaryRequest, call: Call
    ) -> wire.PromoteCanaryResponse:
        """The canary becomes the baseline, evidence or not."""
        return wire.PromoteCanaryResponse(canary=await self.canaries.move(Kind.PROMOTE, request, call))

    async def RollbackCanary(
        self, request: wire.RollbackCanaryRequest, call: Call
    ) -> wire.RollbackCanaryResponse:
        """Everything back to the baseline, also after a promotion."""
        return wire.RollbackCanaryResponse(canary=await self.canaries.move(Kind.ROLLBACK, request, call))

    async def PauseCanary(self, request: wire.PauseCanaryRequest, call: Call) -> wire.PauseCanaryResponse:
        """It keeps its percentage until it is resumed."""
        return wire.PauseCanaryResponse(canary=await self.canaries.move(Kind.PAUSE, request, call))

    async def ResumeCanary(self, request: wire.ResumeCanaryRequest, call: Call) -> wire.ResumeCanaryResponse:
        """It may grow again."""
        return wire.ResumeCanaryResponse(canary=await self.canaries.move(Kind.RESUME, request, call))

    async def ListPromotionEvents(
        self, request: wire.ListPromotionEventsRequest, _call: Call
    ) -> wire.ListPromotionEventsResponse:
        """What happened to a router's canaries, newest first, with what was known then."""
        rules = await self.canaries.rulebook.named(request.router)
        page = await self.canaries.store.events(rules.uid, request.page_size, request.page_token)
        return wire.ListPromotionEventsResponse(events=page.events, next_page_token=page.next_page_token)


def canary_of(rules: Rules) -> Canary:
    """The router's canary. Raises NoCanary."""
    if rules.canary is None:
        said = f"{rules.name} has no canary: its strategy is another one"
        raise NoCanary(said, router=rules.name)
    return rules.canary
