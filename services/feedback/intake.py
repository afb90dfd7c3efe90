"""Takes feedback in: finds its prediction and applies it, appends it to the truth, or keeps it until then."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.inference.v1.event_pb2 import PredictionRecord

from services.feedback.attribution import Finder
from services.feedback.batch import TRUTH_STATUSES, Batch, Taken, named
from services.feedback.parking import Parking
from services.feedback.rules import HORIZON_SECONDS
from services.feedback.settling import Settling
from services.feedback.wire.requests import truth_entry
from services.foundation.errors import TurnoutError
from services.state import ids
from services.state.errors import NewerFormat, PredictionNotFound, StateUnavailable, StoreFull
from services.state.parked import LIFETIME_SECONDS, Parked
from services.state.records import RecordStore
from services.state.reporter import Reporter
from services.state.reports import id_reused
from services.state.truth import TruthLog

# Records come within seconds; a full store empties by itself as they do.
FULL_RETRY_SECONDS = 5.0
# A record follows its reply within some tens of milliseconds. What is older than this and has none waits for
# something that is down, and a call is no place for that.
YOUNG_SECONDS = 5.0
LONGEST_PATIENCE = 0.3
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.05

Request = rpc.RecordFeedbackRequest
Outcome = Taken | TurnoutError
# Whether the caller may give feedback on an event's prediction; None where everybody may.
May = Reporter | None
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Intake:
    """The one door of feedback. When `take` returns, Redis has it."""

    records: RecordStore
    settling: Settling
    parking: Parking
    truths: TruthLog
    finder: Finder
    now: Callable[[], float]

    async def take(self, request: Request, patience: float = 0.0) -> Taken:
        """Take feedback that was completed. Raises what is wrong with it, RequestIdReused, StoreFull, and
        StateUnavailable.

        patience: seconds that the record of a prediction that was just made may be waited for.
        """
        record = await self._awaited(request, patience)
        if record is None:
            return await self._unrecorded(request)
        batch = Batch(self.settling, self.truths, self.now)
        await batch.add(0, request, record.event)
        return sound((await batch.apply())[0])

    async def take_many(self, requests: Sequence[Request], may: May = None) -> list[Outcome]:
        """Take many in a few round trips: of each what became of it, or what is wrong with it.

        Raises StateUnavailable and NewerFormat; some may have been taken then, and all of them again changes
        nothing.
        """
        outcomes = await self.take_recorded(requests, may)
        for place, request in enumerate(requests):
            if place in outcomes:
                continue
            try:
                # Who may not give feedback on everything is not told what there is.
                outcomes[place] = _missing(request) if may else await self._unrecorded(request)
            except (StateUnavailable, NewerFormat):
                raise
            except TurnoutError as wrong:
                outcomes[place] = wrong
        return [outcomes[place] for place in range(len(requests))]

    async def take_recorded(self, requests: Sequence[Request], may: May = None) -> dict[int, Outcome]:
        """The same of those whose predictions are recorded, and of those that are wrong, by place."""
        found = await self.finder.find(requests, may)
        records = await self.records.read_many([name for name in found if isinstance(name, str) and name])
        batch = Batch(self.settling, self.truths, self.now)
        outcomes: dict[int, Outcome] = {}
        for place, (request, name) in enumerate(zip(requests, found, strict=True)):
            try:
                record = records.get(sound(name))
                if record is not None and may is not None and not may(record.event):
                    outcomes[place] = _missing(request)
                elif record is not None:
                    await batch.add(place, request, record.event)
            except (StateUnavailable, NewerFormat):
                raise
            except TurnoutError as wrong:
                outcomes[place] = wrong
        return outcomes | await batch.apply()

    async def _awaited(self, request: Request, patience: float) -> PredictionRecord | None:
        """The record, also if it is only a moment behind its reply: what is wrong with feedback can only be
        said while its reporter listens."""
        until = self.now() + min(patience, LONGEST_PATIENCE)
        # Of a key nobody knows how old its prediction is.
        known = request.prediction_id
        young = not known or self.now() - ids.time_of(known) < YOUNG_SECONDS
        pause = FIRST_PAUSE
        while (record := await self._recorded(request)) is None:
            if not young or self.now() + pause > until:
                return None
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        return record

    async def _recorded(self, request: Request) -> PredictionRecord | None:
        name = request.prediction_id or await self.finder.find_one(request)
        return await self.records.read(name) if name else None

    async def _append(self, request: Request) -> rpc.FeedbackStatus:
        appended = await self.truths.append(truth_entry(request, self.now()), HORIZON_SECONDS)
        return TRUTH_STATUSES[appended]

    async def _unrecorded(self, request: Request) -> Taken:
        """The record is still to come; or never will, if the prediction is older than anything waits for."""
        about = request.prediction_id
        made = ids.time_of(about) if about else self._at_latest(request)
        if self.now() >= made + HORIZON_SECONDS:
            return Taken(rpc.FEEDBACK_STATUS_EXPIRED, prediction_id=about)
        if self.now() >= made + LIFETIME_SECONDS:
            raise _missing(request)
        if about and request.WhichOneof("outcome") == "truth":
            status = await self._append(request)
            accepted = status in (rpc.FEEDBACK_STATUS_ACCEPTED, rpc.FEEDBACK_STATUS_CORRECTED)
            return Taken(rpc.FEEDBACK_STATUS_ACCEPTED_PENDING if accepted else status, prediction_id=about)
        return Taken(await self._park(request), prediction_id=about)

    def _at_latest(self, request: Request) -> float:
        """Until when the prediction of a key may have been made: a label's time where it has one."""
        timed = request.HasField("event_time") and request.entity_id
        return request.event_time.ToNanoseconds() / 1e9 if timed else self.now()

    async def _park(self, request: Request) -> rpc.FeedbackStatus:
        name, partition = request.prediction_id, None
        if not name:
            partition = (await self.settling.rulebook.called(request.router)).partition
        parked = await self.parking.park(request, self.now(), partition=partition)
        if parked is Parked.FULL:
            raise StoreFull(
                "too much feedback waits for predictions that are not recorded yet",
                retry_after=FULL_RETRY_SECONDS,
                prediction_id=name,
            )
        if parked is Parked.OTHER:
            raise id_reused(request.feedback_id)
        duplicate = parked is Parked.DUPLICATE
        return rpc.FEEDBACK_STATUS_DUPLICATE if duplicate else rpc.FEEDBACK_STATUS_ACCEPTED_PENDING


def sound(found: T | TurnoutError) -> T:
    """What was found. Raises it if it is an error."""
    if isinstance(found, TurnoutError):
        raise found
    return found


def _missing(request: Request) -> PredictionNotFound:
    about = f"prediction {request.prediction_id}" if request.prediction_id else named(request)
    said = f"there is no record of {about}, or not yet"
    return PredictionNotFound(said, prediction_id=request.prediction_id)
