"""Asking every member of a plan: their votes, or why there are too few."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from turnout.inference.v1.manifest_pb2 import PARTICIPANT_ROLE_JUROR

from services.aggregator.asking import Entry, Seat
from services.aggregator.errors import CostLimitReached, ModelsNotFound, QuorumNotMet
from services.aggregator.plan import Plan
from services.aggregator.session import Session
from services.aggregator.stopping import Count
from services.aggregator.testimony import Vote, votes_of
from services.aggregator.voices import Helper, Member
from services.foundation.errors import FieldViolation, TurnoutError
from services.models.answer import Answer
from services.models.errors import InputMismatch, InputRefused

SETTLED = "not asked: the vote was settled without it"
HOPELESS = "not asked: the quorum was out of reach"
NO_TIME = "not asked: no time was left"
MOST_NAMED = 10


class Poll:
    """The members of a plan, each with `samples` seats, in declared order. `stopped` tells that the vote was
    settled before everybody had answered."""

    def __init__(self, plan: Plan, session: Session, helper: Helper | None = None) -> None:
        """`helper`: who is asked once the members have answered; time and cost are kept for it.

        Members have signatures of their own: one that the input does not fit is excused, and the rest go on.
        Raises the caller's mistake (InputMismatch, with each member's fields) when the input leaves fewer
        members than the quorum, and ModelsNotFound for a plan of unknown models.
        """
        self._plan, self._session, self._helper = plan, session, helper
        self._later = later = session.patience(helper) if helper is not None else 0.0
        self._seats: list[list[Seat]] = [
            [
                session.seat(member, PARTICIPANT_ROLE_JUROR, rank=rank, sample=sample, later=later)
                for sample in range(plan.samples)
            ]
            for rank, member in enumerate(plan.members)
        ]
        firsts = [seats[0] for seats in self._seats]
        if sum(seat.excuse is None for seat in firsts) < plan.quorum:
            refuse(firsts, plan.quorum)
        self._count = Count([member.weight for member in plan.members], plan.quorum)
        self._asked: set[int] = set()
        self.stopped = False

    async def everybody(self) -> None:
        """Ask all at once; ends early only when the quorum is out of reach."""
        seats = [seat for seats in self._seats for seat in seats]
        with self._kept():
            await self._session.hear(seats, lambda: not self._possible, patient=True)

    async def settle(self, *, in_waves: bool) -> None:
        """Ask until the vote is settled: all at once, or first the few that can settle it, and others as soon
        as those no longer can. Whoever is spared is told so."""
        first = self._wave() if in_waves else tuple(range(len(self._seats)))
        with self._kept():
            await self._session.hear(self._called(first), self._over, self._next if in_waves else None)
        self._take_stock()
        self.stopped = self._count.settled and bool(self._count.open)
        self._spare()

    def votes(self) -> list[Vote]:
        """Those of the members that have answered. Raises what `missed` says of the others."""
        votes = votes_of(self._session.entries, self._plan.recipe)
        if len(votes) < self._plan.quorum:
            raise missed(self._plan, self._session.entries, len(votes), self._plan.quorum)
        return votes

    @contextmanager
    def _kept(self) -> Iterator[None]:
        purse, helper = self._session.purse, self._helper
        handle = self._session.desk.find(helper.model) if helper is not None else None
        purse.kept = handle.price if handle is not None else None
        try:
            yield
        finally:
            purse.kept = None

    @property
    def full(self) -> bool:
        """Whether everybody was asked and nobody was cut off: answers and members' own failures."""
        if self._plan.partial:
            return False
        last = {entry.seat: entry for entry in self._session.entries if isinstance(entry.seat.voice, Member)}
        return not self.stopped and all(
            isinstance(one.result, Answer) or (one.result is not None and one.result.kind == "FAILED")
            for one in last.values()
        )

    @property
    def _possible(self) -> bool:
        """Whether the quorum can still be met."""
        hopeful = (any(seat.answered or not seat.done for seat in seats) for seats in self._seats)
        return sum(hopeful) >= self._plan.quorum

    def _over(self) -> bool:
        """Whether nobody who is still out can change anything."""
        self._take_stock()
        return self._count.settled or not self._possible

    def _take_stock(self) -> None:
        """Count the votes of those who have answered since."""
        for rank in tuple(self._count.open):
            seats = self._seats[rank]
            if not all(seat.done for seat in seats):
                continue
            entries = [entry for entry in self._session.entries if entry.seat in seats]
            if votes := votes_of(entries, self._plan.recipe):
                self._count.hear(rank, votes[0].ballot.answer)
            else:
                self._count.miss(rank)

    def _next(self) -> Sequence[Seat]:
        """Whom to ask now: nobody, while those who are asked could still settle it by agreeing."""
        return self._called(self._wave())

    def _wave(self) -> Sequence[int]:
        prices = [self._session.price(member) for member in self._plan.members]
        costs = [price for price in prices if price is not None]
        return self._count.wave(self._asked, costs if len(costs) == len(prices) else None)

    def _called(self, ranks: Sequence[int]) -> list[Seat]:
        """The seats of these members. Whoever may come after them keeps time for it."""
        self._asked.update(ranks)
        rest = [self._plan.members[rank] for rank in self._count.open - self._asked]
        later = self._later + max(map(self._session.patience, rest), default=0.0)
        seats = [seat for rank in ranks for seat in self._seats[rank]]
        for seat in seats:
            self._session.allow(seat, later)
        return seats

    def _spare(self) -> None:
        for entry in self._session.entries:
            if self.stopped and entry.result is None and entry.attempt is not None:
                entry.spared = True
        told = SETTLED if self.stopped else NO_TIME if self._possible else HOPELESS
        for rank in sorted(self._count.open - self._asked):
            self._session.skip(self._seats[rank][0], told, spared=self.stopped)


def missed(
    plan: Plan, entries: Sequence[Entry], answered: int, required: int
) -> QuorumNotMet | CostLimitReached | InputRefused:
    """Too few have answered: who has not, and why. Where too few could be paid for, or too few take the
    input, the same again ends the same."""
    last = {entry.seat.voice.variant: entry for entry in entries if entry.seat.voice.variant}
    missing = [f"{variant}: {one.trouble}" for variant, one in last.items() if one.trouble]
    wanted = "1 is required" if required == 1 else f"{required} are required"
    said = f"{answered} of {len(plan.members)} members answered, {wanted}"
    called = {entry.seat.voice.variant for entry in entries if entry.attempt is not None}
    refused = {variant for variant, one in last.items() if isinstance(one.skipped, CostLimitReached)}
    unpaid = len(refused - called)
    refusing = sum(one.refused or isinstance(one.skipped, InputMismatch) for one in last.values())
    told = f"{said}: {listed(missing)}"
    if unpaid and len(plan.members) - unpaid < required:
        return CostLimitReached(told)
    return InputRefused(told) if len(plan.members) - refusing < required else QuorumNotMet(told)


def listed(told: Sequence[str]) -> str:
    """The first few, and how many more there are: a status travels in metadata, and nobody reads sixty."""
    more = f"; and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
    return "; ".join(told[:MOST_NAMED]) + more


def refuse(seats: Sequence[Seat], quorum: int) -> None:
    """Raise the caller's mistake, if it is one; a few unknown models are not, as a catalog may lag."""
    # The input first: who sends it can mend it, and an unknown model is the router's affair.
    for kind in (InputMismatch, ModelsNotFound):
        excused = [seat for seat in seats if isinstance(seat.excuse, kind)]
        if excused and (kind is InputMismatch or len(excused) == len(seats)):
            raise _refusal(kind, excused, len(seats), quorum)


def _refusal(kind: type[TurnoutError], excused: Sequence[Seat], members: int, quorum: int) -> TurnoutError:
    reasons = [(seat.voice.variant, seat.excuse) for seat in excused if seat.excuse is not None]
    fields = [
        FieldViolation(field.field, f"{variant}: {field.description}")
        for variant, reason in reasons
        for field in reason.fields
    ]
    said = "; ".join(f"{variant}: {reason.message}" for variant, reason in reasons)
    wanted = "1 answer is required" if quorum == 1 else f"{quorum} answers are required"
    return kind(
        f"{len(excused)} of {members} members cannot be asked, and {wanted}: {said}",
        fields=fields,
        members=", ".join(variant for variant, _ in reasons),
    )
