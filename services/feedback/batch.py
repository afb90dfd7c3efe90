"""Feedback whose predictions are recorded, applied together: rewards in one round trip, truths in another."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.inference.v1.event_pb2 import PredictionEvent, TruthEntry

from services.feedback.errors import BadFeedback
from services.feedback.prediction import Drawn
from services.feedback.rules import HORIZON_SECONDS, Rules
from services.feedback.settling import Settling, claim_of, refuse
from services.feedback.wire.records import drawn_of
from services.feedback.wire.requests import truth_entry
from services.foundation.errors import TurnoutError
from services.state import ids
from services.state.claims import Applied, Claim
from services.state.names import resource_name
from services.state.reports import row_misfits, truth_misfits
from services.state.truth import Appended, TruthLog

STATUSES: Mapping[Applied, rpc.FeedbackStatus] = {
    Applied.ACCEPTED: rpc.FEEDBACK_STATUS_ACCEPTED,
    Applied.DUPLICATE: rpc.FEEDBACK_STATUS_DUPLICATE,
    Applied.CORRECTED: rpc.FEEDBACK_STATUS_CORRECTED,
    Applied.SUPERSEDED: rpc.FEEDBACK_STATUS_SUPERSEDED,
    Applied.EXPIRED: rpc.FEEDBACK_STATUS_EXPIRED,
    Applied.FORGOTTEN: rpc.FEEDBACK_STATUS_FORGOTTEN,
}
TRUTH_STATUSES: Mapping[Appended, rpc.FeedbackStatus] = {
    Appended.APPENDED: rpc.FEEDBACK_STATUS_ACCEPTED,
    Appended.CORRECTED: rpc.FEEDBACK_STATUS_CORRECTED,
    Appended.DUPLICATE: rpc.FEEDBACK_STATUS_DUPLICATE,
    Appended.SUPERSEDED: rpc.FEEDBACK_STATUS_SUPERSEDED,
}


class Taken(NamedTuple):
    """What became of feedback; router and variant are empty while its prediction is unknown."""

    status: rpc.FeedbackStatus
    router: str = ""
    variant: str = ""
    prediction_id: str = ""


@dataclass(slots=True)
class Batch:
    """Items by a number that the caller gives them. Errors of one item are its own."""

    settling: Settling
    truths: TruthLog
    now: Callable[[], float]
    _done: dict[int, Taken | TurnoutError] = field(default_factory=dict)
    _claims: list[tuple[int, Claim, Drawn, str]] = field(default_factory=list)
    _entries: dict[float, list[tuple[int, TruthEntry, Taken]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    async def add(self, place: int, request: rpc.RecordFeedbackRequest, event: PredictionEvent) -> None:
        """Add completed feedback on a recorded prediction. Raises what is wrong with it."""
        prediction = drawn_of(event)
        truth = request.WhichOneof("outcome") == "truth"
        rulebook, uid = self.settling.rulebook, prediction.router_uid
        rules = rulebook.known(uid) or await rulebook.of(uid)
        if request.router and request.prediction_id:
            _check_router(request.router, event)
        if truth:
            # Welcome also where nobody learns from it: of a deleted router, of a prediction that none made.
            self._truth(place, request, event, prediction, rules)
            return
        rules = rules or await self.settling.rules_of(prediction)
        self._claims.append((place, claim_of(request, prediction, rules), prediction, rules.name))

    def _truth(
        self,
        place: int,
        request: rpc.RecordFeedbackRequest,
        event: PredictionEvent,
        prediction: Drawn,
        rules: Rules | None,
    ) -> None:
        misfits = [*row_misfits(request.row, prediction.rows), *truth_misfits(request.truth, event)]
        refuse(misfits, prediction)
        horizon = rules.horizon if rules else HORIZON_SECONDS
        taken = Taken(
            rpc.FEEDBACK_STATUS_EXPIRED, rules.name if rules else "", prediction.variant, prediction.id
        )
        if self.now() >= ids.time_of(prediction.id) + horizon:
            self._done[place] = taken
            return
        entry = truth_entry(request, self.now())
        entry.prediction_id = prediction.id
        self._entries[horizon].append((place, entry, taken))

    async def apply(self) -> dict[int, Taken | TurnoutError]:
        """Apply all of it. Of each item what became of it, or why it has no room. Raises StateUnavailable."""
        if self._claims:
            applied = await self.settling.apply([claim for _, claim, _, _ in self._claims])
            for (place, claim, prediction, router), one in zip(self._claims, applied, strict=True):
                found = self.settling.outcome(one, claim.report, prediction)
                if isinstance(found, Applied):
                    taken = Taken(STATUSES[found], router, prediction.variant, prediction.id)
                    self._done[place] = taken
                else:
                    self._done[place] = found
        for horizon, some in self._entries.items():
            appended = await self.truths.append_each([entry for _, entry, _ in some], horizon)
            for (place, _, expected), outcome in zip(some, appended, strict=True):
                if isinstance(outcome, Appended):
                    self._done[place] = expected._replace(status=TRUTH_STATUSES[outcome])
                else:
                    self._done[place] = outcome
        return self._done


def named(request: rpc.RecordFeedbackRequest) -> str:
    """What feedback without a prediction id is about, in words."""
    by = "external_id" if request.external_id else "entity_id"
    return f"a prediction of {request.router} with {by} {getattr(request, by)[:100]}"


def _check_router(given: str, event: PredictionEvent) -> None:
    name, made_by = resource_name("routers", given, "router"), event.manifest.router
    if name != made_by:
        said = f"the prediction is not of {name}: leave router out, or name the one that made it"
        raise BadFeedback(f"router: {said}", fields=[("router", said)])
