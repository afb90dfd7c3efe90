"""From the parts of this room to what runs in a router process."""

from services.foundation.logs import log
from services.foundation.runtime import Runtime
from services.router.health.board import HealthBoard
from services.router.health.sharing import Sharing
from services.router.serving.loading import Loader
from services.state.connection import Connections
from services.state.ejections import Ejections
from services.state.ejections_followed import EjectionFollower
from services.state.errors import StateUnavailable


def introduce(board: HealthBoard, loader: Loader) -> None:
    """The loader compiles by what the board sees; the board learns from it who serves beside whom."""
    board.subscribe(loader.health_changed)
    board.peers, board.serves = loader.peers, loader.serves


async def share(board: HealthBoard, connections: Connections, replica: str, runtime: Runtime) -> None:
    """Share health with the other replicas from now on; what they have ejected is known when this returns.
    The board must hold its models by then."""
    ejections = Ejections(connections, replica)
    follower = EjectionFollower(connections, ejections, on_entries=board.take_in, rng=runtime.rng)
    try:
        await follower.poll()
    except StateUnavailable as error:
        log.warning("calling every model until Redis is back", cause=error.facts.get("cause"))
    runtime.spawn(follower.run(), "ejections")
    runtime.spawn(Sharing(board, ejections, runtime.rng).run(), "health")
