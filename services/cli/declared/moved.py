"""What a canary did by itself since somebody wrote its configuration: a file that was not changed since must
not undo it."""

from collections.abc import Sequence
from itertools import pairwise

from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import RouterGeneration

from services.cli.doors import Suite

# Where a canary's own moves are written.
BY_THE_CANARY = ("baseline_model", "canary_model", "canary_percentage")
# So many configurations are looked through for the one that somebody wrote.
MOST = 200
MOVE = "TransitionCanary"

Place = tuple[str, str, float]


async def by_itself(suite: Suite, live: Router, proposed: Router) -> list[str]:
    """A sentence where the canary of the live router has moved by itself from where the proposed one has it;
    else nothing. Raises RemoteError."""
    if not (live.HasField("canary") and proposed.HasField("canary")) or _place(live) == _place(proposed):
        return []
    request = rpc.ListRouterGenerationsRequest(name=live.name)
    generations = await suite.listed("ListRouterGenerations", "generations", request, MOST, 50)
    if not _came_from(_place(proposed), generations):
        return []
    at = f"{live.canary.canary_model} at {live.canary.canary_percentage:g} %"
    return [f"the canary has moved by itself since its configuration was written ({at}); that is kept"]


def _came_from(place: Place, generations: Sequence[RouterGeneration]) -> bool:
    """Whether the canary was there, and only its own moves have brought it to where it is. Newest first."""
    for one, before in pairwise(generations):
        if _place(one.router) != _place(before.router) and not one.method.endswith(MOVE):
            return False
        if _place(before.router) == place:
            return True
    return False


def kept(wanted: Router, proposed: Router, live: Router) -> Router:
    """The wanted router with its canary where the live one's has come to."""
    made = Router()
    made.CopyFrom(wanted)
    # Baseline and canary may have changed places, and variants that only they named must not go with them.
    del made.variants[:]
    made.variants.extend(proposed.variants)
    for field in BY_THE_CANARY:
        setattr(made.canary, field, getattr(live.canary, field))
    return made


def _place(router: Router) -> Place:
    canary = router.canary
    return canary.baseline_model, canary.canary_model, canary.canary_percentage
