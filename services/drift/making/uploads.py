"""Uploads of files, a few at once: the header, the bytes, and what is made of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from services.drift.baselines import Source
from services.drift.making.header import read_header
from services.drift.making.maker import Draft, Maker, baseline_id
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
        header: rpc.UploadBaselineHeader,
        rest: AsyncIterator[rpc.UploadBaselineRequest],
        model: Model,
        caller: str,
    ) -> rpc.UploadBaselineResponse:
        """What the file makes; nothing is created before all of it came.

        Raises BaselineFile, InvalidArgument, StoreFull, NameTaken, RequestIdReused, StateUnavailable.
        """
        wishes = read_header(header, model)
        own = baseline_id(header.baseline_id, "header.baseline_id", LONGEST_ID if header.segments else 63)
        change = once("UploadBaseline", header, caller)
        session = Session(wishes)
        async with self._gate:
            try:
                outcome = await _read(session, rest)
            finally:
                session.close()
        drafts = [
            Draft(made.rows, made.features, Source.FILE, made.segment, made.warnings) for made in outcome.made
        ]
        made = self.maker.named(drafts, model, own, header.description)
        if header.validate_only:
            return reply_of(outcome, [write_baseline(one, active=False) for one in made])
        activate = header.activate or not header.HasField("activate")
        if change:
            change = Once(change.request_id, f"{change.fingerprint} {session.digest}")
        return reply_of(outcome, await self.maker.keep(made, change, activate))


async def first_header(requests: AsyncIterator[rpc.UploadBaselineRequest]) -> rpc.UploadBaselineHeader:
    """The header, which comes first. Raises InvalidArgument."""
    async for request in requests:
        if request.HasField("header"):
            return request.header
        break
    said = "must be the first message of the stream; the bytes of the file follow as data"
    raise InvalidArgument(f"header {said}", fields=[("header", said)])


async def _read(session: Session, rest: AsyncIterator[rpc.UploadBaselineRequest]) -> Outcome:
    async for request in rest:
        if request.HasField("header"):
            said = "comes once, as the first message of the stream"
            raise InvalidArgument(f"header {said}", fields=[("header", said)])
        await _aside(partial(session.feed, request.data))
    return await _aside(session.end)


async def _aside(work: Callable[[], T]) -> T:
    """Do it beside the loop, which others want to be answered by. Raises StoreFull where the disk is full."""
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        said = f"the disk for temporary files cannot take the file: {error.strerror or error}"
        raise StoreFull(said) from error
