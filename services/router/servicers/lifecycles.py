"""RouterService, lifecycle: deployed, stopped, started."""

from typing import Any

from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.router.managing import lifecycle
from services.router.managing.asked import asked
from services.router.managing.drafting import router_name
from services.router.managing.office import Desk
from services.router.managing.rollout import LONGEST_WAIT
from services.router.pods.target import refuse_without_pods
from services.router.serving.places import has_pods
from services.state.moments import span

DEFAULT_WAIT = 10.0


class Lifecycles(Desk):
    """A change of state is one compare-and-set, then a wait for the replicas or the pods."""

    async def DeployRouter(self, request: rpc.DeployRouterRequest, call: Call) -> rpc.DeployRouterResponse:
        """Bring it to every live replica."""
        wait = span(request.wait, "wait") if request.HasField("wait") else DEFAULT_WAIT
        if not 0 <= wait <= LONGEST_WAIT:
            said = f"0 to {LONGEST_WAIT:g} s, got {wait:g} s"
            raise InvalidArgument(f"wait: {said}", fields=[("wait", said)])
        return rpc.DeployRouterResponse(router=await self._deploy("deploy", request, call, wait))

    async def StartRouter(self, request: rpc.StartRouterRequest, call: Call) -> rpc.StartRouterResponse:
        """Bring a stopped one back to every live replica."""
        return rpc.StartRouterResponse(router=await self._deploy("start", request, call, DEFAULT_WAIT))

    async def StopRouter(self, request: rpc.StopRouterRequest, call: Call) -> rpc.StopRouterResponse:
        """Take it out of service; its configuration stays."""
        written = await self.office.drafts.write(
            router_name(request.name),
            lambda router: lifecycle.advance(router, "stop"),
            asked(request, call),
        )
        return rpc.StopRouterResponse(router=written.message)

    async def _deploy(self, verb: str, request: Any, call: Call, wait: float) -> Router:
        how = asked(request, call)

        def advance(router: Router) -> None:
            refuse_without_pods(router, self.office.pods)
            lifecycle.advance(router, verb)

        written = await self.office.drafts.write(router_name(request.name), advance, how)
        if how.validate_only:
            return written.message
        if written.replayed:
            return await self.office.drafts.routers.read(written.message.name)
        # Whoever moved its aliases may have died before it followed.
        written = await self.office.drafts.kept_up(written, how)
        if self.office.pods is not None and has_pods(written.message):
            return await self.office.pods.settled(written, wait)
        return await self.office.rollouts.carry_out(written, wait, how.by)
