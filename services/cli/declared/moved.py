"""What a canary did by itself since somebody wrote its configuration: a file that was not changed since must
not undo it."""

from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.cli.doors import Suite

# Where a canary's own moves are written.
BY_THE_CANARY = ("baseline_model", "canary_model", "canary_percentage")
# So many configurations are looked through for the last one that somebody wrote.
MOST = 200
MOVE = "TransitionCanary"


async def by_itself(suite: Suite, live: Router, proposed: Router) -> list[str]:
    """A sentence where the canary of the live router has moved since its configuration was written, and the
    proposed one is still what was written then; else nothing. Raises RemoteError."""
    if not (live.HasField("canary") and proposed.HasField("canary")) or _place(live) == _place(proposed):
        return []
    request = rpc.ListRouterGenerationsRequest(name=live.name)
    generations = await suite.listed("ListRouterGenerations", "generations", request, MOST, 50)
    written = next((one for one in generations if not one.method.endswith(MOVE)), None)
    if written is None or _place(written.router) != _place(proposed):
        return []
    at = f"{live.canary.canary_model} at {live.canary.canary_percentage:g} %"
    return [f"the canary has moved by itself since its configuration was written ({at}); that is kept"]


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


def _place(router: Router) -> tuple[str, str, float]:
    canary = router.canary
    return canary.baseline_model, canary.canary_model, canary.canary_percentage
