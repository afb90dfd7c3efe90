"""One attempt of a prediction as its manifest will tell it, kept in the order in which attempts began."""

from dataclasses import dataclass

from turnout.inference.v1.manifest_pb2 import (
    OUTCOME_DISCARDED,
    OUTCOME_SKIPPED,
    Outcome,
    Participant,
    ParticipantRole,
)

from services.models.answer import MESSAGE_LENGTH, Answer, Failure
from services.models.handle import Attempt
from services.router.deciding.plan import Arm
from services.router.execution.ledger import Ledger
from services.router.health.probe import Probe


@dataclass(slots=True, eq=False)
class Entry:
    """`result` is None while the call is in flight; `slow` says that it was raced. An answer counts as
    discarded until it is served."""

    arm: Arm
    seat: bytes
    attempt: Attempt
    probe: Probe | None
    result: Answer | Failure | None = None
    outcome: Outcome = OUTCOME_DISCARDED
    slow: bool = False

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return isinstance(self.result, Answer)

    def enter(self, ledger: Ledger) -> None:
        """Tell the manifest. The call has ended."""
        ledger.add(self.seat, self.result or self.attempt.cancelled(), self.outcome)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Somebody who was next and was not called, and why."""

    arm: Arm
    why: str

    def enter(self, ledger: Ledger) -> None:
        """Tell the manifest."""
        participant = Participant(outcome=OUTCOME_SKIPPED, error_message=self.why[:MESSAGE_LENGTH])
        seat = seat_of(self.arm, ParticipantRole.PARTICIPANT_ROLE_FALLBACK, 0)
        ledger.join(seat + participant.SerializeToString())


def seat_of(arm: Arm, role: ParticipantRole, attempt: int) -> bytes:
    """The serialized Participant of an attempt that is not the drawn variant's first."""
    version = arm.handle.version
    return Participant(
        model=arm.model, version=version, variant=arm.variant, role=role, attempt=attempt
    ).SerializeToString()
