"""What fits meta-models, put together."""

from collections.abc import Callable

from services.feedback.router_door import RouterDoor
from services.feedback.stackers.rpcs import Fitter
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.kinds import ROUTERS
from services.state.records import RecordStore
from services.state.stackers import StackerVersions
from services.state.truths import TruthReader


def fitter_of(connections: Connections, door: RouterDoor, now: Callable[[], float]) -> Fitter:
    """The fitter of a process; nothing is read yet."""
    return Fitter(
        ConfigReader(connections, ROUTERS, now),
        RecordStore(connections),
        TruthReader(connections),
        StackerVersions(connections),
        door,
        now,
    )
