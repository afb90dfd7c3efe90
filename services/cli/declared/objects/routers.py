"""Routers: created or replaced as a whole, then brought to the state that is declared."""

from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import ROUTER_STATE_FAILED, Router, RouterState

from services.cli.connecting import Visit
from services.cli.declared import moved
from services.cli.declared.changes import Change, found, fresh_id
from services.cli.declared.differences import plain
from services.cli.declared.kinds import REGISTERED, RUNNING, STOPPED
from services.cli.declared.loading import Declared
from services.cli.doors import Suite
from services.foundation.errors import FailedPrecondition

WHOLE = FieldMask(paths=["*"])
# From the state that it is in to the one that is declared; elsewhere nothing is to be done.
STEPS = {
    (REGISTERED, RUNNING): "DeployRouter",
    ("ROUTER_STATE_FAILED", RUNNING): "DeployRouter",
    (STOPPED, RUNNING): "StartRouter",
    (RUNNING, STOPPED): "StopRouter",
    ("ROUTER_STATE_DEPLOYING", STOPPED): "StopRouter",
}
REQUESTS: dict[str, Any] = {
    "DeployRouter": rpc.DeployRouterRequest,
    "StartRouter": rpc.StartRouterRequest,
    "StopRouter": rpc.StopRouterRequest,
}


class Deleted(FailedPrecondition):
    """The name belongs to a router that was deleted and can still be had back."""

    reason = "WRONG_STATE"


class Undeployed(FailedPrecondition):
    """Its configuration is stored, and a replica cannot load it."""

    reason = "WRONG_STATE"


async def plan(visit: Visit, declared: Declared) -> Change:
    """What its service would make of it. Raises RemoteError, Deleted."""
    suite, name = visit.to("routers"), declared.name
    state = declared.given.get("state", RUNNING)
    read = await found(suite.ask("GetRouter", rpc.GetRouterRequest(name=name)), "ROUTER_NOT_FOUND")
    if read is None:
        asked = rpc.CreateRouterRequest(router=declared.message, validate_only=True)
        reply = await suite.ask("CreateRouter", asked)
        return Change(declared, None, _shown(reply.router, state), notes=list(reply.warnings))
    live = read.router
    if live.HasField("delete_time"):
        raise Deleted(f"{name} was deleted; turnout routers undelete {declared.id} brings it back")
    reply = await _validated(suite, declared.message, live)
    wanted = declared.message
    if kept := await moved.by_itself(suite, live, reply.router):
        wanted = moved.kept(declared.message, reply.router, live)
        reply = await _validated(suite, wanted, live)
    is_now = RouterState.Name(live.state)
    change = Change(declared, _shown(live, is_now), _shown(reply.router, _reached(is_now, state)), live.etag)
    change.notes = [*kept, *reply.warnings]
    if declared.speaks_of("permissions"):
        change.after["permissions"] = plain(declared.message.permissions)
    change.facts = {"wanted": wanted, "kept": kept}
    return change


async def unchecked(visit: Visit, declared: Declared) -> Change:
    """The change where its service cannot say yet what it would make of it. Raises RemoteError."""
    asked = visit.to("routers").ask("GetRouter", rpc.GetRouterRequest(name=declared.name))
    read = await found(asked, "ROUTER_NOT_FOUND")
    state = declared.given.get("state", RUNNING)
    after = _shown(declared.message, state)
    if read is None:
        return Change(declared, None, after, unchecked=True)
    before = _shown(read.router, RouterState.Name(read.router.state))
    return Change(declared, before, after, read.router.etag, unchecked=True)


async def carry_out(visit: Visit, change: Change) -> list[str]:
    """Make it so; what a reader should know. Raises RemoteError, Undeployed."""
    suite, declared = visit.to("routers"), change.declared
    if change.before is None:
        asked = rpc.CreateRouterRequest(router=declared.message, request_id=fresh_id())
        reply = await suite.ask("CreateRouter", asked)
    else:
        reply = await _updated(suite, change)
    router, told = reply.router, list(getattr(reply, "warnings", ()))
    is_now, wanted = RouterState.Name(router.state), declared.given.get("state", RUNNING)
    if step := STEPS.get((is_now, wanted)):
        request = REQUESTS[step](name=router.name, etag=router.etag, request_id=fresh_id())
        router = (await suite.ask(step, request)).router
        if router.state == ROUTER_STATE_FAILED:
            raise Undeployed(
                f"{router.name} is configured, and could not be deployed: {router.state_message}"
            )
        if router.state != RouterState.Value(wanted):
            told.append(f"is {RouterState.Name(router.state)}: {router.state_message}")
    return told


async def _updated(suite: Suite, change: Change) -> Any:
    """The reply with the router as it is once its configuration and permissions are what is declared."""
    before, after = change.before or {}, change.after
    router, etag, reply = change.facts.get("wanted", change.declared.message), change.etag, None
    if any(before.get(key) != after.get(key) for key in {*before, *after} - {"permissions", "state"}):
        request = rpc.UpdateRouterRequest(router=_seen(router, etag), update_mask=WHOLE)
        request.request_id = fresh_id()
        reply = await suite.ask("UpdateRouter", request)
        etag = reply.router.etag
    if before.get("permissions") != after.get("permissions"):
        permitted = rpc.UpdatePermissionsRequest(name=router.name, permissions=router.permissions, etag=etag)
        permitted.request_id = fresh_id()
        reply = await suite.ask("UpdatePermissions", permitted)
    return reply or await suite.ask("GetRouter", rpc.GetRouterRequest(name=router.name))


async def _validated(suite: Suite, wanted: Router, live: Router) -> Any:
    request = rpc.UpdateRouterRequest(router=_seen(wanted, live.etag), update_mask=WHOLE, validate_only=True)
    return await suite.ask("UpdateRouter", request)


def _seen(wanted: Router, etag: str) -> Router:
    made = Router(etag=etag)
    made.MergeFrom(wanted)
    return made


def _reached(is_now: str, wanted: str) -> str:
    """The state after it is applied: one that needs no step stays what it is."""
    return wanted if (is_now, wanted) in STEPS else is_now


def _shown(router: Router, state: str) -> dict[str, Any]:
    return {"state": state, **plain(router)}
