"""Did you mean: what there is that resembles a name that nobody has."""

import contextlib
import difflib
from collections.abc import Awaitable, Callable, Collection, Mapping

from turnout.router.v1 import model_service_pb2, router_service_pb2

from services.cli.doors import Suite
from services.foundation.errors import TurnoutError

# Nobody waits long for advice, or for a completion.
SECONDS = 2.0
MOST = 1000
# So many names are told where none of them resembles the one that was typed.
SHOWN = 8


async def router_names(suite: Suite) -> list[str]:
    """Ids of the routers that the caller may see. Raises RemoteError."""
    request = router_service_pb2.ListRoutersRequest(page_size=MOST)
    return [one.name.partition("/")[2] for one in (await suite.ask("ListRouters", request, SECONDS)).routers]


async def model_names(suite: Suite) -> list[str]:
    """Ids of the models that the caller may see. Raises RemoteError."""
    request = model_service_pb2.ListModelsRequest(page_size=MOST)
    return [one.name.partition("/")[2] for one in (await suite.ask("ListModels", request, SECONDS)).models]


KNOWN: Mapping[str, tuple[str, str, Callable[[Suite], Awaitable[list[str]]]]] = {
    "ROUTER_NOT_FOUND": ("router", "routers", router_names),
    "MODEL_NOT_FOUND": ("model", "models", model_names),
}


async def suggestion(to: Callable[[str], Suite], refused: TurnoutError) -> str:
    """A sentence with what there is instead; empty where nothing helps, or nobody answers in time."""
    if refused.reason not in KNOWN:
        return ""
    fact, door, names = KNOWN[refused.reason]
    # Advice is worth no second failure: the first one is what is told.
    with contextlib.suppress(TurnoutError, OSError, ValueError):
        return nearest(refused.facts.get("name") or refused.facts.get(fact, ""), await names(to(door)), door)
    return ""


def nearest(wanted: str, known: Collection[str], kind: str) -> str:
    """What may have been meant.

    >>> nearest("routers/chrun", ["churn", "fraud"], "routers")
    'Did you mean churn?'
    >>> nearest("x", ["churn", "fraud"], "routers")
    'There are the routers churn, fraud.'
    >>> nearest("x", [], "routers")
    'There are no routers that you may see.'
    """
    if not known:
        return f"There are no {kind} that you may see."
    if like := difflib.get_close_matches(wanted.rpartition("/")[2], known, 3):
        return f"Did you mean {' or '.join(like)}?"
    shown = sorted(known)[:SHOWN]
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return f"There are the {kind} {', '.join(shown)}{more}."
