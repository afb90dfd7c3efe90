"""What the router says of routers, models and replicas, and of who asks."""

import asyncio
from collections.abc import Collection, Sequence

from turnout.drift.v1 import baseline_rpc_pb2 as baselines
from turnout.router.v1 import access_service_pb2 as access
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import ROUTER_STATE_RUNNING, Router

from services.cli.connecting import Visit
from services.cli.doctor.facts import Caller, Fleet
from services.foundation.errors import RemoteError

# Each is asked whether it answers: more would be a load test.
MOST_MODELS = 100
AT_ONCE = 16
SECONDS = 5.0


async def caller(suite: Visit) -> Caller:
    """Raises RemoteError."""
    said = await suite.to("access").ask("WhoAmI", access.WhoAmIRequest())
    return Caller(said.user, "admin" in said.roles, said.method)


async def ask(suite: Visit, untold: list[str]) -> Fleet:
    """The routers, and the models that running ones use. Raises RemoteError."""
    door, registry = suite.to("routers"), suite.to("models")
    listed, known, live = await asyncio.gather(
        door.listed("ListRouters", "routers", routers.ListRoutersRequest()),
        registry.listed("ListModels", "models", models.ListModelsRequest()),
        door.ask("ListReplicas", routers.ListReplicasRequest()),
    )
    used = _used(listed)
    chosen = [one for one in known if one.name in used]
    if len(chosen) > MOST_MODELS:
        untold.append(f"{len(chosen) - MOST_MODELS} models were not probed; turnout models test MODEL")
        chosen = chosen[:MOST_MODELS]
    unreachable, unwatched = await asyncio.gather(
        _unreachable(suite, chosen), _unwatched(suite, chosen, untold)
    )
    return Fleet(listed, chosen, live.replicas, unreachable, unwatched)


def _used(listed: Sequence[Router]) -> Collection[str]:
    running = (one for one in listed if one.state == ROUTER_STATE_RUNNING)
    return {variant.model for one in running for variant in one.variants}


async def _unreachable(suite: Visit, chosen: Sequence[Model]) -> dict[str, str]:
    door, room = suite.to("models"), asyncio.Semaphore(AT_ONCE)

    async def probe(name: str) -> str:
        async with room:
            try:
                said = await door.ask("ProbeModel", models.ProbeModelRequest(name=name), SECONDS)
            except RemoteError as refused:
                # Who may not call it cannot say whether it answers.
                return "" if refused.code == "PERMISSION_DENIED" else refused.message
        return "" if said.ready else said.message or "it is not ready"

    found = await asyncio.gather(*(probe(one.name) for one in chosen))
    return {one.name: why for one, why in zip(chosen, found, strict=True) if why}


async def _unwatched(suite: Visit, chosen: Sequence[Model], untold: list[str]) -> list[str]:
    """Models with features and without a baseline; texts have none."""
    door, room = suite.to("drift"), asyncio.Semaphore(AT_ONCE)

    async def bare(name: str) -> bool:
        async with room:
            try:
                await door.ask("GetActiveBaseline", baselines.GetActiveBaselineRequest(model=name), SECONDS)
            except RemoteError as refused:
                if refused.reason != "BASELINE_NOT_FOUND":
                    raise
                return True
        return False

    watched = [one.name for one in chosen if one.signature.features]
    try:
        found = await asyncio.gather(*(bare(name) for name in watched))
    except RemoteError as refused:
        untold.append(f"baselines could not be read: {refused.message}; see what is said of drift")
        return []
    return [name for name, missing in zip(watched, found, strict=True) if missing]
