"""RouterService, history: former configurations, the way back, and who changed what."""

from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.router.config.naming import models_named
from services.router.managing.asked import asked
from services.router.managing.drafting import router_name
from services.router.managing.history import as_generation, bring_back, missing
from services.router.managing.office import Desk
from services.state.names import resource_name


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
        resource = request.resource
        if resource:
            collection = "models" if resource.startswith("models/") else "routers"
            resource = resource_name(collection, resource, "resource")
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
