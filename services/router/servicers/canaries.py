"""RouterService, canaries: the one way in which feedback changes a router."""

from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.foundation.call import Call
from services.router.config.trials import Moved
from services.router.managing.asked import asked
from services.router.managing.drafting import router_name
from services.router.managing.office import Desk
from services.router.managing.transitions import check, made_before, move
from services.state.once import once


class Canaries(Desk):
    """A transition is made once, whoever asks for it how often."""

    async def TransitionCanary(
        self, request: rpc.TransitionCanaryRequest, call: Call
    ) -> rpc.TransitionCanaryResponse:
        """A step, a pause, a promotion or a rollback, in one write."""
        check(request)
        name, drafts = router_name(request.name), self.office.drafts
        stored = await drafts.routers.read(name)
        if made_before(stored, request):
            return rpc.TransitionCanaryResponse(router=stored)
        how = asked(request, call)
        known = once("TransitionCanary", request, call.caller.name, field="transition_id")
        how = how._replace(once=None if request.validate_only else known)

        def moved(router: Router) -> Moved:
            return move(router, request)

        written = await drafts.configure(name, moved, how)
        return rpc.TransitionCanaryResponse(router=written.message)
