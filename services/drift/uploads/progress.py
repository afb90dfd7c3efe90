"""How far an upload is."""

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from turnout.drift.v1 import truth_pb2 as rpc
from turnout.drift.v1.item_error_pb2 import ItemError

from services.drift.refusals import MOST_ERRORS
from services.drift.tables import Mark
from services.drift.uploads.header import FORMAT_OF


@dataclass(slots=True)
class Progress:
    """An upload between two rows. offset: bytes of the file that are done; check: their CRC-32, by which the
    same file is known again; mark: where its reader is, None before it has begun."""

    upload_id: str
    offset: int = 0
    check: int = 0
    rows: int = 0
    format: str = ""
    complete: bool = False
    mark: Mark | None = None
    counts: Counter[str] = field(default_factory=Counter)
    errors: list[ItemError] = field(default_factory=list)

    def done(self, data: bytes) -> None:
        """The next bytes of the file are done."""
        self.check = zlib.crc32(data, self.check)
        self.offset += len(data)

    def refuse(self, error: ItemError) -> None:
        """A row was refused."""
        self.counts["REFUSED"] += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(error)

    def reply(self, *, dry_run: bool) -> rpc.UploadGroundTruthResponse:
        """As its sender is told."""
        return rpc.UploadGroundTruthResponse(
            upload_id=self.upload_id,
            complete=self.complete,
            offset=self.offset,
            rows=self.rows,
            counts=self.counts,
            errors=self.errors,
            format=FORMAT_OF.get(self.format, rpc.TABLE_FORMAT_UNSPECIFIED),
            dry_run=dry_run,
        )

    def pack(self) -> dict[str, Any]:
        """As it is kept."""
        mark = self.mark
        return {
            "offset": self.offset,
            "check": self.check,
            "rows": self.rows,
            "file": self.format,
            "complete": self.complete,
            "counts": dict(self.counts),
            "errors": [MessageToDict(one) for one in self.errors],
            "mark": {"line": mark.line, "codec": mark.codec, "known": dict(mark.known)} if mark else None,
        }


def unpack(upload_id: str, kept: Mapping[str, Any]) -> Progress:
    """What `pack` made."""
    mark = kept["mark"]
    return Progress(
        upload_id,
        kept["offset"],
        kept["check"],
        kept["rows"],
        kept["file"],
        kept["complete"],
        Mark(0, **mark) if mark else None,
        Counter(kept["counts"]),
        [ParseDict(one, ItemError()) for one in kept["errors"]],
    )
