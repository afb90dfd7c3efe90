"""What turned out to be true: one, many, or a file of it."""

from collections import Counter

from turnout.drift.v1 import truth_pb2 as rpc

from services.drift.refusals import refused
from services.drift.servicers.ground import Ground
from services.drift.truths.adding import Outcome
from services.foundation.call import Call
from services.foundation.errors import InvalidArgument, TurnoutError

MOST_TRUTHS = 1000
REFUSED = "REFUSED"


class TruthRpcs:
    """Each method: parse, load, decide, save, reply."""

    _ground: Ground

    async def AddGroundTruth(
        self, request: rpc.AddGroundTruthRequest, _call: Call
    ) -> rpc.AddGroundTruthResponse:
        """Append what turned out to be true to the one truth stream."""
        return await self._ground.intake.truths.add(request)

    async def BatchAddGroundTruth(
        self, request: rpc.BatchAddGroundTruthRequest, call: Call
    ) -> rpc.BatchAddGroundTruthResponse:
        """The same of many, each answered for itself."""
        if not 1 <= len(request.truths) <= MOST_TRUTHS:
            said = f"1 to {MOST_TRUTHS:,}, got {len(request.truths):,}"
            raise InvalidArgument(f"truths: {said}", fields=[("truths", said)])
        intake = self._ground.intake
        outcomes = await intake.truths.add_all(request.truths, intake.may(call))
        return rpc.BatchAddGroundTruthResponse(
            outcomes=[_told(place, outcome) for place, outcome in enumerate(outcomes)],
            counts=Counter(map(word_of, outcomes)),
        )


def word_of(outcome: Outcome) -> str:
    """What became of a truth, as people and metrics call it."""
    if isinstance(outcome, TurnoutError):
        return REFUSED
    return rpc.GroundTruthStatus.Name(outcome.status).removeprefix("GROUND_TRUTH_STATUS_")


def _told(place: int, outcome: Outcome) -> rpc.GroundTruthOutcome:
    if isinstance(outcome, TurnoutError):
        return rpc.GroundTruthOutcome(error=refused(outcome, place))
    return rpc.GroundTruthOutcome(added=outcome)
