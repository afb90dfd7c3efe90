"""Finds the prediction that feedback is about, where its reporter knows another key of it than its id."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from turnout.feedback.v1.feedback_service_pb2 import RecordFeedbackRequest

from services.feedback.errors import BadFeedback
from services.feedback.rulebook import Rulebook
from services.feedback.rules import Rules
from services.foundation.errors import TurnoutError
from services.state.attribution import ENTITY, EXTERNAL, AttributionIndex, Sought, only
from services.state.kinds import ROUTERS
from services.state.moments import moment
from services.state.names import resource_name
from services.state.records import SETTLED_SECONDS
from services.state.reporter import Reporter

# What a router that hashes a key logs of it.
HASHED = "hash:"


@dataclass(frozen=True, slots=True)
class Finder:
    """Looks keys up. `now` is in seconds since 1970. Every method raises StateUnavailable."""

    rulebook: Rulebook
    index: AttributionIndex
    now: Callable[[], float]

    async def find(
        self, requests: Sequence[RecordFeedbackRequest], may: Reporter | None = None
    ) -> list[str | TurnoutError]:
        """The prediction of each: its id, empty where none is recorded yet, or why it cannot be told; a
        router that their reporter may not see is not there."""
        found: list[str | TurnoutError] = [request.prediction_id for request in requests]
        asked: list[tuple[int, Sought]] = []
        for place, request in enumerate(requests):
            if request.prediction_id:
                continue
            try:
                _refuse_hidden(request.router, may)
                asked.append((place, _sought(request, await self.rulebook.called(request.router))))
            except TurnoutError as wrong:
                found[place] = wrong
        names = await self.index.find([sought for _, sought in asked]) if asked else []
        for (place, sought), ids in zip(asked, names, strict=True):
            found[place] = only(sought, ids, requests[place].router, self.now() - SETTLED_SECONDS)
        return found

    async def find_one(self, request: RecordFeedbackRequest) -> str:
        """The same of one. Raises BadName, RouterNotFound, BadFeedback, AmbiguousKey."""
        if request.prediction_id:
            return request.prediction_id
        (found,) = await self.find([request])
        if isinstance(found, TurnoutError):
            raise found
        return found


def _refuse_hidden(router: str, may: Reporter | None) -> None:
    name = resource_name(ROUTERS.name, router, "router")
    if may is not None and not may.shown(name):
        raise ROUTERS.missing(name, "router")


def _sought(request: RecordFeedbackRequest, rules: Rules) -> Sought:
    by = EXTERNAL if request.external_id else ENTITY
    value: str = getattr(request, by)
    if by in rules.hidden and not value.startswith(HASHED):
        said = f"{rules.name} does not log it (log.redact), so it leads nowhere; give prediction_id"
        raise BadFeedback(f"{by}: {said}", fields=[(by, said)])
    before = moment(request.event_time, "event_time") if request.HasField("event_time") else None
    return Sought(rules.uid, by, value, before)
