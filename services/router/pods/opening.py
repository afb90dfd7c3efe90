"""What sees to pods, made of the settings."""

from functools import partial

from turnout.router.v1.router_pb2 import Router

from services.deploy.controller import Controller
from services.deploy.server import ApiServer, connect
from services.foundation.runtime import Runtime
from services.router.pods.cluster import cluster_of, unfit
from services.router.pods.register import CatalogRegister
from services.router.pods.target import Pods
from services.router.settings import RouterSettings
from services.state.catalog import CatalogFollower
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.duty import Duty
from services.state.heartbeats import Heartbeats


def pods_of(
    settings: RouterSettings,
    runtime: Runtime,
    connections: Connections,
    follower: CatalogFollower,
    replica: str,
    routers: ConfigStore[Router],
    heartbeats: Heartbeats,
) -> Pods | None:
    """What sees to pods, running; None where no cluster was named, and in pods themselves."""
    if not settings.kube_config or settings.only:
        return None
    duty = Duty(connections, "pods", replica)
    register = CatalogRegister(follower, routers, heartbeats)

    def control(server: ApiServer) -> Controller:
        return Controller(server, cluster_of(settings), register, duty, runtime.rng)

    pods = Pods(partial(connect, settings.kube_config), control, follower, duty, unfit(settings))
    runtime.spawn(pods.run(), "pods")
    runtime.on_drain(pods.leave)
    return pods
