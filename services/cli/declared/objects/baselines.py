"""Baselines of files. One never changes: its id ends with a digest of the file and of what is made of it, so
that the same file is the same baseline, and another file is another one, which becomes the active one."""

import hashlib
import re
from pathlib import Path

from turnout.drift.v1 import baseline_rpc_pb2 as rpc

from services.cli.connecting import Visit
from services.cli.declared.changes import Change, found, fresh_id
from services.cli.declared.loading import STDIN, Declared
from services.cli.drift.sending import send
from services.cli.speech import document
from services.foundation.errors import InvalidArgument

DIGITS = 12
# What an id may have, less the digest, its hyphen and the suffix of a segment.
LONGEST = 63 - DIGITS - 1 - 4
SECONDS = 3600.0


async def plan(visit: Visit, declared: Declared) -> Change:
    """What its service would make of it. Raises RemoteError, InvalidArgument, OSError."""
    suite, header = visit.to("drift"), _header(declared)
    name = f"models/{header.model.removeprefix('models/')}/baselines/{header.baseline_id}"
    declared.name = name
    asked = rpc.GetBaselineRequest(name=name)
    read = await found(suite.ask("GetBaseline", asked), "BASELINE_NOT_FOUND")
    activate = header.activate if header.HasField("activate") else True
    if read is not None:
        active = read.baseline.active
        return Change(declared, {"active": active}, {"active": active or activate})
    header.validate_only = True
    made = await send(suite, header, _path(declared), SECONDS)
    notes = [f"{made.rows:,} rows of {_path(declared).name}, {made.refused:,} left out"]
    shown = {**document(declared.message), "baseline_id": header.baseline_id, "file": str(_path(declared))}
    return Change(declared, None, shown, notes=notes)


async def carry_out(visit: Visit, change: Change) -> list[str]:
    """Make it so. Raises RemoteError, InvalidArgument, OSError."""
    suite, header = visit.to("drift"), _header(change.declared)
    if change.before is not None:
        activate = rpc.SetActiveBaselineRequest(model=header.model, baseline_id=header.baseline_id)
        await suite.ask("SetActiveBaseline", activate)
        return []
    header.request_id = fresh_id()
    await send(suite, header, _path(change.declared), SECONDS)
    return []


def _header(declared: Declared) -> rpc.UploadBaselineHeader:
    """What is sent before the file, with the id that it gets."""
    path, header = _path(declared), rpc.UploadBaselineHeader()
    header.CopyFrom(declared.message)
    base = re.sub(r"[^a-z0-9]+", "-", (header.baseline_id or path.stem).lower()).strip("-") or "file"
    # What people say of it makes no other baseline of it, nor whether it is the active one.
    content = rpc.UploadBaselineHeader()
    content.CopyFrom(header)
    for field in ("baseline_id", "description", "activate"):
        content.ClearField(field)  # type: ignore[arg-type,unused-ignore]
    digest = hashlib.sha256(content.SerializeToString(deterministic=True))
    with path.open("rb") as opened:
        for piece in iter(lambda: opened.read(1 << 20), b""):
            digest.update(piece)
    header.baseline_id = f"{base[:LONGEST].strip('-')}-{digest.hexdigest()[:DIGITS]}"
    header.file_bytes = path.stat().st_size
    return header


def _path(declared: Declared) -> Path:
    """Its file, relative to the one that names it. Raises InvalidArgument."""
    told, named = declared.document.place(declared.root).file, Path(declared.given["file"])
    path = named if named.is_absolute() or told == STDIN else Path(told).parent / named
    if not path.is_file():
        said = f"there is no file {path}"
        raise InvalidArgument(said, fields=[("file", said)])
    return path
