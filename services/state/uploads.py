"""How far uploads are: what lets one that was cut go on where it was."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from services.foundation.errors import Aborted
from services.state import drift_keys, formats, ids
from services.state.connection import Connections
from services.state.errors import LostLease
from services.state.fenced import Fence, FencedWriter

# Who was cut off on a Friday goes on on a Monday.
KEPT_SECONDS = 7 * 86_400


class OtherStream(Aborted):
    """Another stream goes on with the upload; what this one did counts, and its end is told to the other."""

    reason = "UPLOAD_TAKEN_OVER"


class UploadStore:
    """Reads and writes progress, fit for JSON, by who uploads and his id of the upload. A stream takes the
    upload over from those before it: one that was cut may still be at work. Everything raises
    StateUnavailable."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady
        self._writer = FencedWriter(connections)

    async def read(self, caller: str, upload_id: str) -> Mapping[str, Any] | None:
        """Progress, or None where there is none. Raises NewerFormat."""
        return _progress(await self._redis.get(_keys(caller, upload_id)[1]))

    async def take_over(self, caller: str, upload_id: str, stream: str) -> Mapping[str, Any] | None:
        """The same, and from now on only this stream writes it. Raises NewerFormat."""
        fence, progress = _keys(caller, upload_id)
        async with self._redis.pipeline() as pipe:
            # In this order: what another writes before it is shut out is read.
            pipe.set(fence, stream, ex=KEPT_SECONDS)
            pipe.get(progress)
            _, blob = await pipe.execute()
        return _progress(blob)

    async def write(self, caller: str, upload_id: str, stream: str, progress: Mapping[str, Any]) -> None:
        """Keep progress; writing it again writes the same. Raises OtherStream."""
        fence, key = _keys(caller, upload_id)
        blob = json.dumps({"format": formats.UPLOAD, **progress}, separators=(",", ":")).encode()
        try:
            await self._writer.set(Fence(fence, stream), {key: blob}, KEPT_SECONDS)
        except LostLease as lost:
            said = f"another stream goes on with upload {upload_id}"
            raise OtherStream(said, upload_id=upload_id) from lost


def _progress(blob: bytes | None) -> Mapping[str, Any] | None:
    if not blob:
        return None
    found: dict[str, Any] = json.loads(blob)
    formats.check("upload", found.pop("format"), formats.UPLOAD)
    return found


def _keys(caller: str, upload_id: str) -> tuple[str, str]:
    digest = hashlib.blake2b(f"{caller}\0{upload_id}".encode(), digest_size=12).hexdigest()
    partition = ids.partition_for(digest)
    return drift_keys.upload_stream(partition, digest), drift_keys.upload(partition, digest)
