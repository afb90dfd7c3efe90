"""Models: registered, or replaced as a whole."""

from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from turnout.router.v1 import model_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from services.cli.connecting import Suite, Visit
from services.cli.declared.changes import Change, found, fresh_id
from services.cli.declared.differences import plain
from services.cli.declared.loading import Declared

WHOLE = FieldMask(paths=["*"])


async def plan(visit: Visit, declared: Declared) -> Change:
    """What its service would make of it. Raises RemoteError."""
    suite, wanted = visit.to("models"), Model()
    wanted.CopyFrom(declared.message)
    read = await found(suite.ask("GetModel", rpc.GetModelRequest(name=wanted.name)), "MODEL_NOT_FOUND")
    if read is None:
        asked = rpc.RegisterModelRequest(model=wanted, validate_only=True)
        return Change(declared, None, plain((await suite.ask("RegisterModel", asked)).model))
    # What others move while a model stays what it is: a file that does not speak of it leaves it alone.
    if not declared.speaks_of("aliases"):
        wanted.aliases.extend(read.model.aliases)
    if not declared.speaks_of("permissions") and read.model.HasField("permissions"):
        wanted.permissions.CopyFrom(read.model.permissions)
    request = rpc.UpdateModelRequest(model=_seen(wanted, read.model.etag), update_mask=WHOLE)
    request.validate_only = True
    reply = await suite.ask("UpdateModel", request)
    change = Change(declared, plain(read.model), plain(reply.model), read.model.etag, list(reply.warnings))
    change.facts = {"wanted": wanted, "read": read.model}
    return change


async def carry_out(visit: Visit, change: Change) -> list[str]:
    """Make it so; what a reader should know. Raises RemoteError."""
    suite, wanted = visit.to("models"), change.declared.message
    if change.before is None:
        await suite.ask("RegisterModel", rpc.RegisterModelRequest(model=wanted, request_id=fresh_id()))
        return []
    await _give_up(suite, change)
    request = rpc.UpdateModelRequest(model=_seen(change.facts["wanted"], change.etag), update_mask=WHOLE)
    request.request_id = fresh_id()
    reply: Any = await suite.ask("UpdateModel", request)
    return list(reply.warnings)


async def _give_up(suite: Suite, change: Change) -> None:
    """Let go of aliases that another object of the same files may have taken just now: where the model is
    otherwise as it was seen, and the file does not want them back, that is no change by somebody else."""
    read, wanted = change.facts["read"], change.facts["wanted"]
    if not read.aliases:
        return
    now = (await suite.ask("GetModel", rpc.GetModelRequest(name=wanted.name))).model
    lost = set(read.aliases) - set(now.aliases)
    seen = Model()
    seen.CopyFrom(read)
    seen.aliases[:], seen.etag = [one for one in read.aliases if one not in lost], now.etag
    if not change.declared.speaks_of("aliases"):
        wanted.aliases[:] = seen.aliases
    kept = {one if "@" in one else f"{change.declared.id}@{one}" for one in wanted.aliases}
    if seen == now and lost.isdisjoint(kept):
        change.etag = now.etag


def _seen(wanted: Model, etag: str) -> Model:
    made = Model(etag=etag)
    made.MergeFrom(wanted)
    return made
