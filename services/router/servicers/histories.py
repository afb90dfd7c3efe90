"""RouterService, history: former configurations, the way back, and who changed what."""

from difflib import get_close_matches

from turnout.router.v1 import access_service_pb2, ensemble_service_pb2, model_service_pb2
from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.foundation.identity.caller import Caller
from services.foundation.rules import Role
from services.router.config.naming import models_named
from services.router.logbook.wanted import UnknownFilter
from services.router.managing.asked import asked
from services.router.managing.drafting import router_name
from services.router.managing.history import as_generation, bring_back, missing
from services.router.managing.office import Desk
from services.router.managing.rollout import SETTLED
from services.state.names import resource_name

SERVICES = (
    access_service_pb2.DESCRIPTOR,
    ensemble_service_pb2.DESCRIPTOR,
    model_service_pb2.DESCRIPTOR,
    rpc.DESCRIPTOR,
)
READING = ("Get", "List", "Watch", "Export")
# What writes events: our methods that change something, pods that came to be, and rewards that were reset.
AUDITED = frozenset(
    {
        method.name
        for file in SERVICES
        for service in file.services_by_name.values()
        for method in service.methods
        if not method.name.startswith(READING)
    }
    | {SETTLED, "turnout.feedback.v1.FeedbackService/ResetRewards"}
)


class Histories(Desk):
    """Reads what each change left, and takes one up again."""

    async def ListRouterGenerations(
        self, request: rpc.ListRouterGenerationsRequest, call: Call
    ) -> rpc.ListRouterGenerationsResponse:
        """A page, newest first."""
        page = await self.office.drafts.routers.generations(
            router_name(request.name), request.page_size, request.page_token
        )
        return rpc.ListRouterGenerationsResponse(
            generations=map(as_generation, page.items), next_page_token=page.next_page_token
        )

    async def RollbackRouter(
        self, request: rpc.RollbackRouterRequest, call: Call
    ) -> rpc.RollbackRouterResponse:
        """A former configuration as a new generation."""
        drafts, name, how = self.office.drafts, router_name(request.name), asked(request, call)
        if done := await drafts.routers.repeated(how.once):
            return rpc.RollbackRouterResponse(router=done)
        if request.generation < 1:
            said = f"a number from 1, got {request.generation}"
            raise InvalidArgument(f"generation: {said}", fields=[("generation", said)])
        current = await drafts.routers.read(name)
        former = await drafts.routers.generation(current.uid, request.generation)
        if former is None:
            raise missing(name, request.generation)
        known = await drafts.known(models_named(former.message), call.caller, name)
        written = await drafts.configure(
            name, lambda router: bring_back(router, former.message, known), how, known
        )
        return rpc.RollbackRouterResponse(router=written.message)

    async def ListAuditEvents(
        self, request: rpc.ListAuditEventsRequest, call: Call
    ) -> rpc.ListAuditEventsResponse:
        """A page of changes, newest first: of what is the caller's own, or his own doing."""
        if request.method and request.method not in AUDITED:
            raise _unknown(request.method)
        resource = await self._audited(request.resource, call.caller) if request.resource else ""
        page = await self.office.audit.list(
            request.page_size,
            request.page_token,
            resource=resource,
            caller=request.caller,
            method=request.method,
            keep=self.office.permissions.audited(call.caller),
            seen_by="" if call.caller.admin else call.caller.name,
        )
        return rpc.ListAuditEventsResponse(events=page.events, next_page_token=page.next_page_token)

    async def _audited(self, given: str, caller: Caller) -> str:
        """The full name of what events are about. Raises BadName, and UnknownFilter for a bare id unless it
        is that of a router which the caller may see."""
        name = resource_name("models" if given.startswith("models/") else "routers", given, "resource")
        if "/" not in given:
            router = await self.office.drafts.routers.find(name, deleted=True)
            if router is None or not self.office.permissions.may(caller, Role.VIEWER, router):
                said = f"routers/{given} or models/{given}, in full: there is no {name}"
                raise UnknownFilter(f"resource: {said}", fields=[("resource", said)])
        return name


def _unknown(method: str) -> UnknownFilter:
    bare = {one.rpartition("/")[2].lower(): one for one in AUDITED}
    close = get_close_matches(method.rpartition("/")[2].lower(), bare, n=1)
    guess = f"; did you mean {bare[close[0]]}?" if close else ""
    said = f"a method that changes something, such as SetWeights; got {method[:100]!r}{guess}"
    return UnknownFilter(f"method: {said}", fields=[("method", said)])
