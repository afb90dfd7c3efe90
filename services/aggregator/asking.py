"""One question to one model, and what came of every attempt at it."""

from dataclasses import dataclass

from turnout.inference.v1.manifest_pb2 import OUTCOME_CONTRIBUTED, OUTCOME_SERVED, Outcome, ParticipantRole
from turnout.inference.v1.output_pb2 import Output

from services.aggregator.answers import Ballot
from services.aggregator.voices import Voice
from services.foundation.errors import TurnoutError
from services.models.answer import Answer, Failure
from services.models.handle import Attempt, ModelHandle
from services.models.signature import Request

Result = Answer | Failure

NOT_NEEDED = "no longer needed"


@dataclass(slots=True, eq=False)
class Seat:
    """Somebody of a plan with a question, through which handle, for how many seconds at most; or with the
    reason why there is none. `rank` is the place in the account; `aloud`: whoever
    listens hears the answer as it is generated; `done` says that nothing more will
    come of it."""

    voice: Voice
    role: ParticipantRole
    step: str = ""
    rank: int = 0
    handle: ModelHandle | None = None
    request: Request | None = None
    seconds: float = 0.0
    excuse: TurnoutError | None = None
    aloud: bool = False
    done: bool = False
    answered: bool = False

    @property
    def model(self) -> str:
        """The model that is asked; what the plan calls it, where there is none."""
        return self.voice.model if self.handle is None else self.handle.model.name


@dataclass(frozen=True, slots=True, eq=False)
class Testimony:
    """What somebody said: the Output, serialized, and the ballot that it makes; `made` of it, where the reply
    is another output if this one is taken."""

    encoded: bytes
    ballot: Ballot
    made: Output | None = None

    @property
    def served(self) -> Output:
        """What the reply is if this is taken. Made anew each time: few replies are one member's."""
        return Output.FromString(self.encoded) if self.made is None else self.made


class Entry:
    """One attempt, or a call that was not made. `result` is None while it is in flight, and for whoever was
    cut off: in time, for it was no longer needed, or `late`."""

    __slots__ = (
        "attempt",
        "excused",
        "late",
        "number",
        "result",
        "seat",
        "skipped",
        "spared",
        "spoilt",
        "testimony",
        "told",
        "used",
        "weight",
    )

    def __init__(self, seat: Seat, attempt: Attempt | None = None, number: int = 0) -> None:
        self.seat = seat
        self.attempt = attempt
        self.number = number
        self.result: Result | None = None
        self.testimony: Testimony | None = None
        # Why it was not called; and whether that was to be expected, so that nothing is missing.
        self.skipped: TurnoutError | str = ""
        self.spared = False
        # Why its answer is none; and whether others could do with it, so that it says nothing of the model.
        self.spoilt = ""
        self.excused = False
        self.late = False
        # Whether a note tells of its trouble, and of what was done about it.
        self.told = False
        # What became of its answer: its weight in the reply, or that it is the reply.
        self.used: Outcome | None = None
        self.weight: float | None = None

    @property
    def answered(self) -> bool:
        """Whether there is an answer that can be used."""
        return isinstance(self.result, Answer) and not self.spoilt

    @property
    def refused(self) -> bool:
        """Whether the model was asked, and refuses the input."""
        return isinstance(self.result, Failure) and self.result.refused

    @property
    def outcome(self) -> Result | None:
        """What came of the call; None where there was none."""
        if self.attempt is None or self.result is not None:
            return self.result
        cut = self.attempt.cancelled()
        if not self.late:
            return cut
        return cut._replace(kind="TIMED_OUT", code="DEADLINE_EXCEEDED", message="no answer in time")

    @property
    def trouble(self) -> str:
        """Why there is no answer, for people."""
        if self.spoilt:
            return self.spoilt
        if self.attempt is None:
            return self.skipped if isinstance(self.skipped, str) else self.skipped.message
        result = self.outcome
        return result.message if isinstance(result, Failure) else ""

    @property
    def output(self) -> Output:
        """What it answered. Only for those that have."""
        assert isinstance(self.result, Answer)  # noqa: S101 - see above
        return self.result.output

    def tell(self) -> str:
        """Its trouble, for a note that speaks of it: nobody else is to."""
        self.told = True
        return self.trouble

    def serve(self) -> None:
        """Its answer is the reply."""
        self.used = OUTCOME_SERVED

    def contribute(self, weight: float | None = None) -> None:
        """Its answer went into the reply, or decided about one that did."""
        self.used, self.weight = OUTCOME_CONTRIBUTED, weight

    def spare(self, why: str = NOT_NEEDED) -> None:
        """It need not answer any more, or was not asked for that reason."""
        self.spared = True
        if self.attempt is None and not self.skipped:
            self.skipped = why
