"""Ground truth as it comes in: checked, completed, and appended to the suite's one truth stream."""

from collections import defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import truth_pb2 as rpc
from turnout.inference.v1.event_pb2 import PredictionRecord, TruthEntry

from services.drift.truths.checks import KEYS, check, check_fit, content_id
from services.drift.truths.finding import Finder
from services.drift.truths.suiting import ambiguous, suited
from services.drift.wire import timestamp
from services.foundation.errors import TurnoutError
from services.state import formats, ids
from services.state.errors import PredictionNotFound
from services.state.parked import LIFETIME_SECONDS
from services.state.records import RETENTION_SECONDS, RecordStore
from services.state.reporter import Reporter
from services.state.truth import Appended, TruthLog

Request: TypeAlias = rpc.AddGroundTruthRequest
Added: TypeAlias = rpc.AddGroundTruthResponse
# Of one truth, what became of it or what is wrong with it.
Outcome: TypeAlias = Added | TurnoutError
# Whether the caller may report on an event's prediction; None where everybody may.
May: TypeAlias = Reporter | None

STATUSES = {
    Appended.APPENDED: rpc.GROUND_TRUTH_STATUS_ACCEPTED,
    Appended.CORRECTED: rpc.GROUND_TRUTH_STATUS_CORRECTED,
    Appended.DUPLICATE: rpc.GROUND_TRUTH_STATUS_DUPLICATE,
    Appended.SUPERSEDED: rpc.GROUND_TRUTH_STATUS_SUPERSEDED,
}
# What the stream says of a prediction without a record, where that makes a difference.
EARLY = {
    rpc.GROUND_TRUTH_STATUS_ACCEPTED: rpc.GROUND_TRUTH_STATUS_PENDING,
    rpc.GROUND_TRUTH_STATUS_CORRECTED: rpc.GROUND_TRUTH_STATUS_PENDING,
}
REFUSED = "REFUSED"


@dataclass(slots=True)
class Truths:
    """The one door of truth in drift. `kept`: for how many seconds truth counts, by uid of the router or
    model; `now` is in seconds since 1970."""

    log: TruthLog
    records: RecordStore
    finder: Finder
    now: Callable[[], float]
    kept: Callable[[str], float] = lambda _uid: RETENTION_SECONDS
    # In microseconds since 1970: a float would not tell neighbours apart.
    _last: int = field(default=0, init=False)

    async def add(self, request: Request) -> Added:
        """Append one truth; when this returns Redis has it.

        Raises what is wrong with it, RequestIdReused, StoreFull, and StateUnavailable.
        """
        (outcome,) = await self.add_all([request])
        if isinstance(outcome, TurnoutError):
            raise outcome
        return outcome

    async def add_all(
        self,
        requests: Sequence[Request],
        may: May = None,
        *,
        dry: bool = False,
        open_kind: Container[int] = (),
    ) -> list[Outcome]:
        """The same for many in a few round trips, each for itself; of two about one row the later of the list
        holds. `dry`: everything but the appending; `open_kind`: places of the truths that are labels or
        numbers as their predictions are.

        Raises StateUnavailable and NewerFormat; some may have been appended then, and all of them again
        changes nothing.
        """
        now = self.now()
        sound, outcomes = _checked(requests, now)
        names = dict(zip(sound, await self.finder.find(list(sound.values()), may), strict=True))
        records = await self.records.read_many(
            [one for one in names.values() if isinstance(one, str) and one]
        )
        entries = defaultdict[float, list[tuple[int, TruthEntry, bool]]](list)
        early = {place: one for place, one in sound.items() if one.prediction_id not in records}
        strangers = await self.finder.strangers(early)
        for place, request in sound.items():
            if place in strangers:
                outcomes[place] = strangers[place]
                continue
            try:
                record = records.get(name := _known(names[place]))
                told = _as_predicted(request, record) if place in open_kind else request
                _admit(told, name, record, may)
                kept = self.kept(record.event.router_uid) if record else RETENTION_SECONDS
                entry = self._entry(told, name, now)
                if now >= ids.time_of(name) + kept:
                    outcomes[place] = _added(entry, rpc.GROUND_TRUTH_STATUS_EXPIRED)
                elif record is None and now >= ids.time_of(name) + LIFETIME_SECONDS:
                    outcomes[place] = _missing(request)
                else:
                    entries[kept].append((place, entry, record is None))
            except TurnoutError as wrong:
                outcomes[place] = wrong
        outcomes |= await self._append(entries, dry=dry)
        return [outcomes[place] for place in range(len(requests))]

    def _entry(self, request: Request, name: str, now: float) -> TruthEntry:
        # Of what comes in one list, or at one moment, the later one is the later observation.
        self._last = max(round(now * 1e6), self._last + 1)
        given = Timestamp()
        given.FromMicroseconds(self._last)
        if request.HasField("observed_at"):
            given = request.observed_at
        return TruthEntry(
            format=formats.TRUTH,
            prediction_id=name,
            row=request.row,
            truth=request.truth,
            observed_at=given,
            feedback_id=request.feedback_id or content_id(request),
            received_at=timestamp(now),
        )

    async def _append(
        self, entries: Mapping[float, Sequence[tuple[int, TruthEntry, bool]]], *, dry: bool
    ) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        for kept, some in entries.items():
            appended: Sequence[Appended | TurnoutError] = [Appended.APPENDED] * len(some)
            if not dry:
                appended = await self.log.append_each([entry for _, entry, _ in some], kept)
            for (place, entry, early), outcome in zip(some, appended, strict=True):
                if isinstance(outcome, TurnoutError):
                    outcomes[place] = outcome
                else:
                    status = STATUSES[outcome]
                    outcomes[place] = _added(entry, EARLY.get(status, status) if early else status)
        return outcomes


def word_of(outcome: Outcome) -> str:
    """What became of a truth, as people and metrics call it."""
    if isinstance(outcome, TurnoutError):
        return REFUSED
    return rpc.GroundTruthStatus.Name(outcome.status).removeprefix("GROUND_TRUTH_STATUS_")


def _checked(requests: Sequence[Request], now: float) -> tuple[dict[int, Request], dict[int, Outcome]]:
    """By place those that can be truths, and what is wrong with the others."""
    sound: dict[int, Request] = {}
    wrong: dict[int, Outcome] = {}
    for place, request in enumerate(requests):
        try:
            check(request, now)
            sound[place] = request
        except TurnoutError as fault:
            wrong[place] = fault
    return sound, wrong


def _known(name: str | TurnoutError) -> str:
    if isinstance(name, TurnoutError):
        raise name
    return name


def _admit(request: Request, name: str, record: PredictionRecord | None, may: May) -> None:
    """Raise what is wrong with a truth, given the record of its prediction. Without one a truth is taken by
    the prediction's id alone, and whoever joins the two passes over what does not fit."""
    if record is None:
        # Who may not report on everything is not told what there is.
        if not name or may is not None:
            raise _missing(request)
        return
    if may is not None and not may(record.event):
        raise _missing(request)
    check_fit(request, record.event)


def _as_predicted(request: Request, record: PredictionRecord | None) -> Request:
    """The report with a truth of the kind that was predicted. Its id is that of the words that were sent."""
    if record is None and ambiguous(request.truth):
        said = "may be a label or a number, and its prediction is not recorded yet: say which (kind), or wait"
        raise PredictionNotFound(f"truth: {said}", fields=[("truth", said)])
    if record is None:
        return request
    told = Request()
    told.CopyFrom(request)
    told.feedback_id = request.feedback_id or content_id(request)
    told.truth.CopyFrom(suited(request.truth, record.event))
    return told


def _missing(request: Request) -> PredictionNotFound:
    by = next(word for word in KEYS if getattr(request, word))
    of = "" if request.prediction_id else f" of {request.router or request.model}"
    said = f"there is no record of a prediction{of} with {by} {getattr(request, by)[:100]}, or not yet"
    if not request.prediction_id:
        said += ": it is found by this key a second or so after it was logged; send the truth again then"
    return PredictionNotFound(said, fields=[(by, said)], prediction_id=request.prediction_id)


def _added(entry: TruthEntry, status: rpc.GroundTruthStatus) -> Added:
    return Added(status=status, feedback_id=entry.feedback_id, prediction_id=entry.prediction_id)
