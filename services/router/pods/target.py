"""The kubernetes target: whether this process can deploy to it, and how a deployment gets on."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from turnout.router.v1.router_pb2 import Router

from services.deploy.controller import Controller
from services.deploy.errors import TargetUnavailable
from services.deploy.server import ApiServer
from services.foundation.logs import log
from services.router.managing.lifecycle import DEPLOYING, FAILED
from services.router.managing.rollout import RolloutIncomplete
from services.router.serving.places import has_pods
from services.state.catalog import CatalogFollower
from services.state.configs import Written
from services.state.duty import Duty
from services.state.errors import StateUnavailable

# A kubeconfig that is mended, or a token that is mounted late, is found without a restart.
CONNECT_AGAIN_SECONDS = 30.0
LOOK_SECONDS = 1.0


class Pods:
    """Sees to the pods of routers, in turns with the other processes. Run `run()` in the background."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[ApiServer]],
        control: Callable[[ApiServer], Controller],
        follower: CatalogFollower,
        duty: Duty,
        unfit: str = "",
    ) -> None:
        """`unfit`: what the settings lack, empty if nothing."""
        self.unfit = unfit
        self._connect = connect
        self._control = control
        self._follower = follower
        self._duty = duty

    async def run(self) -> None:
        """Act for as long as the process lives."""
        if self.unfit:
            log.error("cannot deploy to Kubernetes", said=self.unfit)
            return
        server = await self._connected()
        try:
            controller = self._control(server)
            self._follower.listen(lambda *_: controller.stir())
            await controller.run()
        finally:
            await server.close()

    async def leave(self) -> None:
        """Let another process see to them."""
        try:
            await self._duty.leave()
        except StateUnavailable:
            log.debug("the duty is left to run out")

    async def settled(self, written: Written[Router], wait: float) -> Router:
        """The router as it is when its pods run, or after `wait` seconds. Raises RolloutIncomplete if they
        failed."""
        until = time.monotonic() + wait
        router = written.message
        if await self._follower.wait_for(written.position, wait):
            while router.state == DEPLOYING and (left := until - time.monotonic()) > 0:
                seen = self._follower.position
                router = self._follower.routers.by_uid.get(router.uid, router)
                if router.state == DEPLOYING:
                    await self._follower.moved(seen, min(left, LOOK_SECONDS))
        if router.state == FAILED:
            raise RolloutIncomplete(
                f"{router.name} could not be deployed: {router.state_message}", router=router.name
            )
        return router

    async def _connected(self) -> ApiServer:
        while True:
            try:
                server = await self._connect()
            except TargetUnavailable as error:
                if not self.unfit:
                    log.error("cannot deploy to Kubernetes", said=error.message)
                self.unfit = error.message
                await asyncio.sleep(CONNECT_AGAIN_SECONDS)
            else:
                self.unfit = ""
                return server


def refuse_without_pods(router: Router, pods: Pods | None) -> None:
    """Whoever cannot deploy says so before anything is written. Raises TargetUnavailable."""
    if not has_pods(router) or (pods is not None and not pods.unfit):
        return
    why = pods.unfit if pods else "this router process was not told of a cluster; set kube_config"
    raise TargetUnavailable(
        f"{router.name} cannot be deployed to Kubernetes: {why}", fields=[("name", why)], router=router.name
    )
