"""Uploads of files, a few at once: the header, the bytes, and what is made of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from services.drift.baselines import Source
from services.drift.ended import settled
from services.drift.entries import spread
from services.drift.making.header import read_header
from services.drift.making.maker import Draft, Maker, baseline_id, use_asked
from services.drift.making.replies import reply_of
from services.drift.uploading.session import Outcome, Session
from services.drift.wire import write_baseline
from services.foundation.errors import InvalidArgument
from services.state.errors import StoreFull
from services.state.once import Once, once

# Of one process: each holds up to 64 MiB of numbers, and as much of names and rows at worst.
AT_ONCE = 2
# A baseline's id gets "-s20" at most.
LONGEST_ID = 59

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Uploads:
    """Takes uploads; others wait, and so does what they would send."""

    maker: Maker
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def take(
        self,
        first: rpc.UploadBaselineRequest,
        rest: AsyncIterator[rpc.UploadBaselineRequest],
        model: Model,
        caller: str,
    ) -> rpc.UploadBaselineResponse:
        """What the file makes; nothing is created before all of it came. `first` has the header, and may have
        bytes beside it.

        Raises BaselineFile, InvalidArgument, StoreFull, NameTaken, RequestIdReused, StateUnavailable.
        """
        header = first.header
        spread(header)
        wishes, use = read_header(header, model), use_asked(header, "header.")
        own = baseline_id(header.baseline_id, "header.baseline_id", LONGEST_ID if header.segments else 63)
        change = once("UploadBaseline", header, caller)
        session = Session(wishes)
        async with self._gate:
            try:
                outcome = await _read(session, first, rest)
            finally:
                session.close()
        drafts = [
            Draft(made.rows, made.features, Source.FILE, made.segment, made.warnings) for made in outcome.made
        ]
        made = self.maker.named(drafts, model, own, header.description)
        if header.validate_only:
            return reply_of(outcome, [write_baseline(one, active=False) for one in made])
        if change:
            change = Once(change.request_id, f"{change.fingerprint} {session.digest}")
        return reply_of(outcome, await self.maker.keep(made, change, use))


async def first_of(requests: AsyncIterator[rpc.UploadBaselineRequest]) -> rpc.UploadBaselineRequest:
    """The message with the header, which comes first. Raises InvalidArgument."""
    async for request in requests:
        if request.HasField("header"):
            return request
        break
    said = "must be the first message of the stream; the bytes of the file follow as data"
    raise InvalidArgument(f"header {said}", fields=[("header", said)])


async def _read(
    session: Session, first: rpc.UploadBaselineRequest, rest: AsyncIterator[rpc.UploadBaselineRequest]
) -> Outcome:
    if first.file.data:
        await _aside(partial(session.feed, first.file.data))
    async for request in rest:
        if request.HasField("header"):
            said = "comes once, as the first message of the stream"
            raise InvalidArgument(f"header {said}", fields=[("header", said)])
        if request.data and request.HasField("file"):
            said = "goes without data"
            raise InvalidArgument(f"file {said}", fields=[("file", said)])
        await _aside(partial(session.feed, request.data or request.file.data))
    await settled()
    return await _aside(session.end)


async def _aside(work: Callable[[], T]) -> T:
    """Do it beside the loop, which others want to be answered by. Raises StoreFull where the disk is full."""
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        said = f"the disk for temporary files cannot take the file: {error.strerror or error}"
        raise StoreFull(said) from error
