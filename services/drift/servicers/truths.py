"""What turned out to be true: one, many, or a file of it."""

from collections import Counter
from collections.abc import AsyncIterator

from turnout.drift.v1 import truth_pb2 as rpc

from services.drift.refusals import refused
from services.drift.servicers.ground import Ground
from services.drift.truths.adding import Outcome, word_of
from services.foundation.call import Call
from services.foundation.errors import InvalidArgument, TurnoutError

MOST_TRUTHS = 1000


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

    async def UploadGroundTruth(
        self, requests: AsyncIterator[rpc.UploadGroundTruthRequest], call: Call
    ) -> rpc.UploadGroundTruthResponse:
        """The same of a file, row by row as it comes; one that was cut goes on where it was."""
        intake = self._ground.intake
        return await intake.uploads.take(requests, call.caller.name, intake.may(call))


def _told(place: int, outcome: Outcome) -> rpc.GroundTruthOutcome:
    if isinstance(outcome, TurnoutError):
        return rpc.GroundTruthOutcome(error=refused(outcome, place))
    return rpc.GroundTruthOutcome(added=outcome)
