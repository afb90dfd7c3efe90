"""The door of files of ground truth."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from turnout.drift.v1 import truth_pb2 as rpc

from services.drift.ended import settled
from services.drift.entries import spread
from services.drift.truths.adding import May, Truths
from services.drift.truths.columns import Columns
from services.drift.uploads.header import check_header
from services.drift.uploads.progress import Progress, unpack
from services.drift.uploads.rows import Reports
from services.drift.uploads.stream import Stream
from services.foundation.errors import InvalidArgument, NotFound, TurnoutError
from services.state.errors import StateUnavailable, StoreFull
from services.state.ids import new_uid
from services.state.uploads import UploadStore

# Of one process, pieces that are read and reported at the same time; others wait, and what they would send.
AT_ONCE = 4
# Of a header, what is of one stream and not of the file.
OF_STREAM = ("uploadId", "offset", "statusOnly")


class UploadNotFound(NotFound):
    """Nobody has begun this upload, or it is longer ago than is remembered."""

    reason = "UPLOAD_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Uploads:
    """Takes files. `now` is in seconds since 1970."""

    truths: Truths
    store: UploadStore
    now: Callable[[], float]
    rng: random.Random
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def take(
        self, messages: AsyncIterator[rpc.UploadGroundTruthRequest], caller: str, may: May
    ) -> rpc.UploadGroundTruthResponse:
        """Report what a file says, row by row: when this returns Redis has what was not refused.

        Raises InvalidArgument for what is no such file, UploadNotFound, OtherStream, StoreFull and
        StateUnavailable; facts of the error say how far the upload is.
        """
        stream: Stream | None = None
        async for message in messages:
            if stream is None:
                stream = await self._begin(message.header, caller, may)
                if stream.header.status_only:
                    return stream.progress.reply(dry_run=False)
            elif message.WhichOneof("part") == "header":
                raise _told(_refusal("header", "comes first, and once"), stream)
            if message.HasField("file") and message.WhichOneof("part") not in (None, "header"):
                raise _told(_refusal("file", "goes without data and text"), stream)
            if data := _bytes(message, stream.header):
                await _going_on(stream.take(data), stream)
        await settled()
        stream = stream or await self._begin(rpc.GroundTruthHeader(), caller, may)
        if stream.came or not stream.progress.offset:
            await _going_on(stream.end(), stream)
        return stream.progress.reply(dry_run=stream.header.dry_run)

    async def _begin(self, header: rpc.GroundTruthHeader, caller: str, may: May) -> Stream:
        spread(header)
        check_header(header)
        told = MessageToDict(header).items()
        said: Mapping[str, Any] = {key: value for key, value in told if key not in OF_STREAM}
        stream = new_uid(self.now(), self.rng)
        upload_id = header.upload_id or stream
        kept = None if header.dry_run else await self.store.read(caller, upload_id)
        begun = _begun(header, said, kept, upload_id)
        if not (header.dry_run or header.status_only):
            # Only who may go on takes over; what another did until that moment is done.
            begun = _begun(header, said, await self.store.take_over(caller, upload_id, stream), upload_id)
        header, said, progress = begun
        prefix = f"{header.upload_id}/" if header.upload_id else ""
        reports = Reports(self.truths, Columns(header), may, prefix, header.dry_run)

        async def save(now: Progress) -> None:
            if not header.dry_run:
                await self.store.write(caller, upload_id, stream, {"header": said, **now.pack()})

        skip = progress.offset - header.offset
        return Stream(header, progress, reports, save, self._gate, skip, rows=progress.rows)


def _begun(
    header: rpc.GroundTruthHeader, said: Mapping[str, Any], kept: Mapping[str, Any] | None, upload_id: str
) -> tuple[rpc.GroundTruthHeader, Mapping[str, Any], Progress]:
    """The header that holds, as it was said at first, and how far the upload is. Raises UploadNotFound, and
    InvalidArgument where it is another upload than this header's."""
    if kept is not None:
        header, progress = _resumed(header, said, kept["header"]), unpack(upload_id, kept)
        _check_offset(header, progress)
        return header, kept["header"], progress
    if header.status_only:
        raise UploadNotFound(f"there is no upload {upload_id}", upload_id=upload_id)
    if header.offset:
        raise _refusal("header.offset", f"upload {upload_id} is not known: send it from 0")
    return header, said, Progress(upload_id)


def _bytes(message: rpc.UploadGroundTruthRequest, header: rpc.GroundTruthHeader) -> bytes:
    if message.WhichOneof("part") != "text":
        return message.data or message.file.data
    if header.encoding.lower() not in ("", "utf-8"):
        raise _refusal("text", f"is text already: send data, or leave out encoding {header.encoding}")
    return message.text.encode()


def _resumed(
    header: rpc.GroundTruthHeader, said: Mapping[str, Any], first: Mapping[str, Any]
) -> rpc.GroundTruthHeader:
    """The header that the upload began with, at the offset of this one."""
    if said and said != first:
        wrong = "the upload began with other settings: leave them out, or give it another upload_id"
        raise _refusal("header", wrong)
    whole = rpc.GroundTruthHeader()
    whole.CopyFrom(header)
    ParseDict(dict(first), whole)
    return whole


def _check_offset(header: rpc.GroundTruthHeader, progress: Progress) -> None:
    # What lies before may have come on the stream that was cut: it is skipped.
    if header.offset > progress.offset:
        wrong = f"the upload is at byte {progress.offset}: go on there, or send it all again from 0"
        raise InvalidArgument(
            f"header.offset: {wrong}",
            fields=[("header.offset", wrong)],
            upload_id=progress.upload_id,
            offset=progress.offset,
        )


async def _going_on(work: Awaitable[None], stream: Stream) -> None:
    try:
        await work
    except (InvalidArgument, StateUnavailable, StoreFull) as failed:
        raise _told(failed, stream) from failed


def _told(failed: TurnoutError, stream: Stream) -> TurnoutError:
    """The error with how far the upload is."""
    done = stream.progress
    where = f"{stream.rows} rows, up to byte {done.offset}, are done"
    how = "" if stream.header.dry_run else f" of upload {done.upload_id}: go on there, or send it all again"
    return type(failed)(
        f"{failed.message}; {where}{how}",
        fields=failed.fields,
        retry_after=failed.retry_after,
        upload_id=done.upload_id,
        offset=done.offset,
        rows=stream.rows,
    )


def _refusal(field_: str, said: str) -> InvalidArgument:
    return InvalidArgument(f"{field_}: {said}", fields=[(field_, said)])
