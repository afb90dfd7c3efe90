"""Who of a plan can be asked, what each is asked, and why the others are not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from turnout.inference.v1.input_pb2 import Input

from services.aggregator.errors import ModelsNotFound
from services.aggregator.jury import Result, hear
from services.aggregator.plan import Member, Plan
from services.foundation.errors import FieldViolation, TurnoutError
from services.foundation.tracing import Parent
from services.models.errors import InputMismatch, InvalidModel
from services.models.handle import ModelHandle
from services.models.signature import Request

Find = Callable[[str], ModelHandle | None]


@dataclass(frozen=True, slots=True)
class Question:
    """What a member is asked, through which handle, and for how many seconds at most."""

    handle: ModelHandle
    request: Request
    timeout: float


@dataclass(frozen=True, slots=True)
class Seat:
    """A member, with a question or with the reason why it gets none."""

    member: Member
    question: Question | None = None
    excuse: TurnoutError | None = None


def take_seats(plan: Plan, given: Input, find: Find, seconds: float) -> list[Seat]:
    """A seat per member, in the plan's order. `seconds` are those that the caller leaves.

    Members have signatures of their own: one that the input does not fit is excused, and the rest go on. The
    input is refused as the caller's mistake (InputMismatch, with each member's fields) when it leaves fewer
    members than the quorum; so is a plan of unknown models (ModelsNotFound).
    """
    seats = [_seat(member, index, given, find, seconds) for index, member in enumerate(plan.members)]
    if sum(seat.question is not None for seat in seats) < plan.quorum:
        _refuse(seats, plan.quorum)
    return seats


async def ask(seats: Sequence[Seat], quorum: int, parent: Parent) -> list[Result]:
    """Ask everybody who has a question, at once; the results, in the order of the seats."""
    questions = [seat.question for seat in seats if seat.question is not None]
    longest = max((question.timeout for question in questions), default=0.0)
    attempts = [question.handle.attempt(question.request, question.timeout, parent) for question in questions]
    return await hear(attempts, quorum, longest)


def _seat(member: Member, index: int, given: Input, find: Find, seconds: float) -> Seat:
    handle = find(member.model)
    if handle is None:
        said = f"{member.model} is not registered"
        fields = [(f"plan.members[{index}].model", said)]
        return Seat(member, excuse=ModelsNotFound(said, fields=fields))
    try:
        if member.overrides is not None:
            # Same instances and connections; only asking and reading differ.
            handle = handle.with_overrides(member.overrides)
        request = handle.prepare(given)
    except InvalidModel as wrong:
        own = member.threshold is not None
        fields = [
            (f"plan.members[{index}].{_spelled(one.field, own)}", one.description) for one in wrong.fields
        ]
        return Seat(member, excuse=InputMismatch(wrong.message, fields=fields))
    except InputMismatch as misfit:
        return Seat(member, excuse=misfit)
    limits = (seconds, handle.timeout, member.timeout if member.timeout is not None else seconds)
    return Seat(member, Question(handle, request, min(limits)))


def _spelled(field: str, own: bool) -> str:
    """A field of the overrides as the plan calls it: a member may have a threshold of its own."""
    return "threshold" if own and field == "overrides.threshold" else field


def _refuse(seats: Sequence[Seat], quorum: int) -> None:
    """Raise the caller's mistake, if it is one; a few unknown models are not, as a catalog may lag."""
    # The input first: who sends it can mend it, and an unknown model is the router's affair.
    for kind in (InputMismatch, ModelsNotFound):
        excused = [seat for seat in seats if isinstance(seat.excuse, kind)]
        if excused and (kind is InputMismatch or len(excused) == len(seats)):
            raise _refusal(kind, excused, len(seats), quorum)


def _refusal(kind: type[TurnoutError], excused: Sequence[Seat], members: int, quorum: int) -> TurnoutError:
    reasons = [(seat.member.variant, seat.excuse) for seat in excused if seat.excuse is not None]
    fields = [
        FieldViolation(field.field, f"{variant}: {field.description}")
        for variant, reason in reasons
        for field in reason.fields
    ]
    said = "; ".join(f"{variant}: {reason.message}" for variant, reason in reasons)
    return kind(
        f"{len(excused)} of {members} members cannot be asked, and {quorum} answers are required: {said}",
        fields=fields,
        members=", ".join(variant for variant, _ in reasons),
    )
