"""Wishes and verdicts by way of the catalog: what a controller needs of this suite."""

from collections.abc import Mapping

from turnout.router.v1.router_pb2 import Router

from services.deploy.rollout.verdict import Outcome, Verdict
from services.deploy.steps import Wish
from services.foundation.logs import log
from services.router.managing.lifecycle import told as state_told
from services.router.managing.rollout import SETTLED
from services.router.pods.wishes import settle, wish
from services.router.serving.places import has_pods
from services.state.audit import Author
from services.state.catalog import CatalogFollower
from services.state.configs import ConfigStore
from services.state.errors import RouterNotFound
from services.state.heartbeats import Heartbeats

NOBODY = Author(caller="turnout", method=SETTLED)


class CatalogRegister:
    """Reads wishes from memory, and writes verdicts where they change something. Raises StateUnavailable."""

    def __init__(
        self, follower: CatalogFollower, routers: ConfigStore[Router], heartbeats: Heartbeats
    ) -> None:
        self._follower = follower
        self._routers = routers
        self._heartbeats = heartbeats

    def wishes(self) -> Mapping[str, Wish]:
        """Of all routers whose target is Kubernetes."""
        known = self._follower.routers.by_uid
        return {uid: wish(router) for uid, router in known.items() if has_pods(router)}

    async def gone(self, uid: str) -> bool:
        """Whether it was deleted or moved: the store is asked, as memory may be late."""
        stored = await self._routers.read_uid(uid)
        return stored is not None and (stored.HasField("delete_time") or not has_pods(stored))

    async def tell(self, uid: str, told: Verdict, endpoint: str) -> str | None:
        """Write it, unless that is what is stored."""
        router = self._follower.routers.by_uid.get(uid)
        if router is None:
            return None
        told = await self._heard(router, told)
        after = Router()
        after.CopyFrom(router)
        settle(after, told, endpoint)
        if after == router:
            return None
        try:
            written = await self._routers.update(
                router.name, lambda one: settle(one, told, endpoint), new_generation=False, by=NOBODY
            )
        except RouterNotFound:
            return None
        now = written.message
        log.info("pods", router=now.name, state=state_told(now.state), said=now.state_message)
        return now.etag

    async def _heard(self, router: Router, told: Verdict) -> Verdict:
        """Pods that are ready and cannot load the router are not what was asked for; they say so."""
        if told.outcome is not Outcome.DONE:
            return told
        for one in await self._heartbeats.live():
            if router.name in one.only and (error := one.errors.get(router.name)):
                return Verdict(Outcome.FAILED, f"the pod at {one.address}: {error}")
        return told
