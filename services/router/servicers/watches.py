"""RouterService, replicas: who serves what, and a router followed as it changes."""

from collections.abc import AsyncIterator

from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.call import Call
from services.router.drafting import router_name
from services.router.office import Desk
from services.state.heartbeats import Replica
from services.state.names import resource_name


class Watches(Desk):
    """Answers from heartbeats and from memory."""

    async def WatchRouter(
        self, request: rpc.WatchRouterRequest, call: Call
    ) -> AsyncIterator[rpc.WatchRouterResponse]:
        """The router as it is, then each change; the last one is its deletion."""
        router = await self.office.drafts.routers.read(router_name(request.name))
        async for seen in self.office.lookout.watch(router):
            yield rpc.WatchRouterResponse(
                router=seen.router, replicas_serving=seen.serving, replicas=seen.replicas
            )

    async def ListReplicas(self, request: rpc.ListReplicasRequest, call: Call) -> rpc.ListReplicasResponse:
        """The live ones by id, or those of them that serve a router."""
        replicas = await self.office.heartbeats.live()
        if request.router:
            name = resource_name("routers", request.router, "router")
            await self.office.drafts.routers.read(name, field="router")
            replicas = [one for one in replicas if name in one.generations]
        return rpc.ListReplicasResponse(replicas=map(_told, replicas))


def _told(replica: Replica) -> rpc.Replica:
    told = rpc.Replica(
        id=replica.id,
        address=replica.address,
        catalog_position=replica.position,
        generations=replica.generations,
        errors=replica.errors,
        events_waiting=replica.events_waiting,
        lag_seconds=replica.lag_seconds,
    )
    told.heartbeat_time.FromNanoseconds(int(replica.time * 1e9))
    for model, until in replica.ejected.items():
        told.ejected[model].FromNanoseconds(int(until * 1e9))
    return told
