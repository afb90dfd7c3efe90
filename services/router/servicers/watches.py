"""RouterService, replicas: who serves what, and a router followed as it changes."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.call import Call
from services.foundation.rules import Role
from services.router.managing.drafting import router_name
from services.router.managing.office import Desk
from services.state.heartbeats import Replica
from services.state.names import resource_name


class Watches(Desk):
    """Answers from heartbeats and from memory."""

    async def WatchRouter(
        self, request: rpc.WatchRouterRequest, call: Call
    ) -> AsyncIterator[rpc.WatchRouterResponse]:
        """The router as it is, then each change; the last one is its deletion."""
        router = await self.office.drafts.routers.read(router_name(request.name))
        visible = self.office.permissions.visible(call.caller)
        async for seen in self.office.lookout.watch(router):
            # Who loses the right to see it while he watches hears nothing more.
            if not visible(seen.router):
                raise self.office.drafts.routers.kind.missing(router.name, "name")
            yield rpc.WatchRouterResponse(
                router=seen.router, replicas_serving=seen.serving, replicas=seen.replicas
            )

    async def ListReplicas(self, request: rpc.ListReplicasRequest, call: Call) -> rpc.ListReplicasResponse:
        """The live ones by id, or those of them that serve a router."""
        name = resource_name("routers", request.router, "router") if request.router else ""
        replicas = await self.office.heartbeats.live([name] if name else None)
        if name:
            router = await self.office.drafts.routers.read(name, field="router")
            if not self.office.permissions.may(call.caller, Role.VIEWER, router):
                raise self.office.drafts.routers.kind.missing(name, "router")
            replicas = [one for one in replicas if name in one.generations]
        shown = self.office.permissions.shown(call.caller)
        return rpc.ListReplicasResponse(replicas=[_told(_seen(one, shown)) for one in replicas])


def _seen(replica: Replica, shown: Callable[[str], bool]) -> Replica:
    """What the caller may see of it: what it says of routers and models that he may see."""
    return replace(
        replica,
        generations={name: number for name, number in replica.generations.items() if shown(name)},
        errors={name: said for name, said in replica.errors.items() if shown(name)},
        ejected={name: until for name, until in replica.ejected.items() if shown(name)},
        only=tuple(name for name in replica.only if shown(name)),
    )


def _told(replica: Replica) -> rpc.Replica:
    told = rpc.Replica(
        id=replica.id,
        address=replica.address,
        catalog_position=replica.position,
        generations=replica.generations,
        errors=replica.errors,
        events_waiting=replica.events_waiting,
        lag_seconds=replica.lag_seconds,
        only=replica.only,
    )
    told.heartbeat_time.FromNanoseconds(int(replica.time * 1e9))
    for model, until in replica.ejected.items():
        told.ejected[model].FromNanoseconds(int(until * 1e9))
    return told
