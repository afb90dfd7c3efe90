"""How the parts of evidence are put together in a process."""

from collections.abc import Callable

from services.feedback.evidence.desk import Desk
from services.feedback.evidence.folder import Folder
from services.feedback.evidence.frontier import Frontier
from services.feedback.evidence.noting import Noting
from services.feedback.rulebook import Rulebook
from services.state.connection import Connections
from services.state.evidence import EvidenceLog
from services.state.group import Group
from services.state.ownership import Ownership
from services.state.streams import EVENTS, TRUTH


def folder_of(
    connections: Connections,
    rulebook: Rulebook,
    ownership: Ownership,
    now: Callable[[], float],
    known: Callable[[], bool],
) -> Folder:
    """The one that folds; its `noting` handles the event streams. known: whether all routers are in the
    rulebook."""
    desk = Desk(EvidenceLog(connections.steady))
    noting = Noting(desk, rulebook, known)
    groups = [Group(connections, ownership.group, stream) for stream in (EVENTS, TRUTH)]
    frontier = Frontier(noting, groups[0], groups[1], now)
    return Folder(desk, noting, rulebook, ownership, frontier, now)
