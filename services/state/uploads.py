"""How far uploads are: what lets one that was cut go on where it was."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from services.state import drift_keys, formats, ids
from services.state.connection import Connections

# Who was cut off on a Friday goes on on a Monday.
KEPT_SECONDS = 7 * 86_400


class UploadStore:
    """Reads and writes progress, fit for JSON, by who uploads and his id of the upload. Everything raises
    StateUnavailable."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def read(self, caller: str, upload_id: str) -> Mapping[str, Any] | None:
        """Progress, or None where there is none. Raises NewerFormat."""
        blob = await self._redis.get(_key(caller, upload_id))
        if not blob:
            return None
        found: dict[str, Any] = json.loads(blob)
        formats.check("upload", found.pop("format"), formats.UPLOAD)
        return found

    async def write(self, caller: str, upload_id: str, progress: Mapping[str, Any]) -> None:
        """Keep progress; writing it again writes the same."""
        blob = json.dumps({"format": formats.UPLOAD, **progress}, separators=(",", ":"))
        await self._redis.set(_key(caller, upload_id), blob, ex=KEPT_SECONDS)


def _key(caller: str, upload_id: str) -> str:
    digest = hashlib.blake2b(f"{caller}\0{upload_id}".encode(), digest_size=12).hexdigest()
    return drift_keys.upload(ids.partition_for(digest), digest)
