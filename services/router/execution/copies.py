"""One copy of a prediction for one shadow, and the event that tells what came of it."""

from dataclasses import dataclass

from turnout.inference.v1.event_pb2 import ParticipantEvent
from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.manifest_pb2 import (
    OUTCOME_CANCELLED,
    OUTCOME_DISCARDED,
    OUTCOME_DROPPED,
    OUTCOME_SKIPPED,
    Outcome,
    Participant,
)
from turnout.inference.v1.output_pb2 import Output

from services.foundation.tracing import Parent
from services.models.answer import MESSAGE_LENGTH, Answer
from services.models.errors import InputMismatch
from services.models.handle import ModelHandle
from services.models.participation import described
from services.router.execution.agreeing import agrees
from services.router.execution.large import known_by
from services.router.execution.ledger import Ledger
from services.state import formats


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """`handle` is that of the traffic; `seat` the serialized Participant as it is known before, `place` its
    index in the manifest of `ledger`, and `seconds` what it has beside the model's own timeout."""

    handle: ModelHandle
    given: Input
    seconds: float
    seat: bytes
    place: int
    ledger: Ledger
    partition: int
    parent: Parent

    async def made(self, handle: ModelHandle) -> ParticipantEvent:
        """Ask the shadow, by a `handle` of its own. Cancelled, it cancels the call."""
        try:
            question = handle.prepare(self.given)
        except InputMismatch as misfit:
            return self.untold(OUTCOME_SKIPPED, misfit.message)
        result = await handle.call(question, self.seconds, self.parent)
        event = self._event(described(result, OUTCOME_DISCARDED))
        if isinstance(result, Answer):
            # A prediction that failed served nothing that could be agreed with.
            if self.ledger.output:
                event.participant.agrees = agrees(result.output, Output.FromString(self.ledger.output))
            if self.ledger.keeps(result.encoded):
                event.output.ParseFromString(result.encoded)
            else:
                event.large_output.CopyFrom(known_by(result.encoded))
        return event

    def dropped(self) -> ParticipantEvent:
        """The process ended before its turn came."""
        return self.untold(OUTCOME_DROPPED, "the replica ended before its turn came")

    def cancelled(self) -> ParticipantEvent:
        """The process ended before the shadow had answered."""
        return self.untold(OUTCOME_CANCELLED, "the replica ended before it had answered")

    def untold(self, outcome: Outcome, why: str) -> ParticipantEvent:
        """There is no answer, for a reason that is not the shadow's."""
        told = Participant(outcome=outcome, error_message=why[:MESSAGE_LENGTH])
        return self._event(told.SerializeToString())

    def _event(self, told: bytes) -> ParticipantEvent:
        return ParticipantEvent(
            format=formats.PARTICIPANT_EVENT,
            prediction_id=self.ledger.prediction_id,
            index=self.place,
            participant=Participant.FromString(self.seat + told),
        )
