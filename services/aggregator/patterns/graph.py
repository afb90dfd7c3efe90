"""The task in steps that different members do: steps that do not need each other run at once."""

from collections.abc import Sequence

from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.manifest_pb2 import PARTICIPANT_ROLE_SPECIALIST

from services.aggregator.asking import Entry, Seat
from services.aggregator.errors import CostLimitReached, QuorumNotMet
from services.aggregator.filling import asked_of
from services.aggregator.patterns.decided import Decided
from services.aggregator.plan import Plan, Specialists, Step
from services.aggregator.references import Unresolved
from services.aggregator.session import Session
from services.aggregator.testimony import Vote, votes_of
from services.foundation.errors import TurnoutError
from services.models.errors import InputMismatch, InputRefused


async def run(plan: Plan, session: Session) -> Decided:
    """Run the steps. Raises QuorumNotMet where a step fails that is not optional, InputRefused where its
    model refuses what the request says, and what the caller got wrong before anybody is called."""
    pattern = plan.pattern
    assert isinstance(pattern, Specialists)  # noqa: S101 - the table leads here for no other
    graph = _Graph(plan, pattern, session)
    await session.hear(graph.ready(), graph.over, graph.ready)
    graph.take_stock()
    served = graph.votes.get(pattern.output)
    graph.account_for_the_rest()
    if graph.failed is not None or served is None:
        raise graph.failure()
    for index, vote in graph.votes.items():
        for entry in vote.entries:
            if index == pattern.output:
                entry.serve()
            else:
                entry.contribute()
    return Decided(output=served.output, votes=(served,), notes=graph.notes, complete=not graph.notes)


class _Graph:
    """One run of the steps, by index: `votes` of those that have answered, `lost` of optional ones that have
    not, and the first one that `failed`."""

    def __init__(self, plan: Plan, pattern: Specialists, session: Session) -> None:
        self._plan, self._pattern, self._session = plan, pattern, session
        self._seats: dict[int, Seat] = {}
        self._ways: dict[int, float] = {}
        self.votes: dict[int, Vote] = {}
        self.lost: set[int] = set()
        self.failed: int | None = None
        self.notes: list[str] = []

    def ready(self) -> Sequence[Seat]:
        """Seats of the steps that have everything they need, and are not asked yet. Raises InputMismatch
        where the request itself does not fit the first that are asked."""
        if self.failed is not None:
            return ()
        first = not self._seats
        seats = []
        for index, step in enumerate(self._pattern.steps):
            if index not in self._seats and all(
                need in self.votes or need in self.lost for need in step.needs
            ):
                seat = self._seats[index] = self._seat(index, step)
                if first and isinstance(seat.excuse, InputMismatch) and not step.optional:
                    raise seat.excuse
                seats.append(seat)
        return seats

    def over(self) -> bool:
        """Whether nobody who is still out can change anything."""
        self.take_stock()
        return self.failed is not None or self._pattern.output in self.votes

    def take_stock(self) -> None:
        """Note what came of the steps that have ended since."""
        for index, seat in self._seats.items():
            if not seat.done or index in self.votes or index in self.lost:
                continue
            found = votes_of([entry for entry in self._session.entries if entry.seat is seat])
            if found:
                self.votes[index] = found[0]
            else:
                self._lose(index)

    def account_for_the_rest(self) -> None:
        """Enter the steps that nobody was asked, and mark those that were cut off."""
        for index, step in enumerate(self._pattern.steps):
            seat = self._seats.get(index)
            if seat is None:
                blank = Seat(self._plan.members[step.member], PARTICIPANT_ROLE_SPECIALIST, step.name, index)
                why = (
                    "no time was left"
                    if self.failed is None
                    else f"the step '{self._name(self.failed)}' failed"
                )
                self._session.skip(blank, f"not asked: {why}")
            elif not seat.done and self.failed is None:
                self._lose(index)

    def failure(self) -> TurnoutError:
        """Why there is no answer."""
        failed = self._pattern.output if self.failed is None else self.failed
        seat = self._seats.get(failed)
        entries = [one for one in self._session.entries if one.seat is seat]
        kind: type[TurnoutError] = QuorumNotMet
        if any(isinstance(one.skipped, CostLimitReached) for one in entries):
            kind = CostLimitReached
        elif entries and entries[-1].refused and not self._pattern.steps[failed].needs:
            # Of a step that needs others, what was refused is what those have answered.
            kind = InputRefused
        return kind(f"the step '{self._name(failed)}' failed: {self._trouble(failed)}")

    def _seat(self, index: int, step: Step) -> Seat:
        member, later = self._plan.members[step.member], self._after(index)
        try:
            given = self._given(step, last=index == self._pattern.output)
        except Unresolved as wrong:
            excuse = InputMismatch(str(wrong), fields=[("input", str(wrong))])
            return Seat(member, PARTICIPANT_ROLE_SPECIALIST, step.name, index, excuse=excuse)
        seat = self._session.seat(
            member, PARTICIPANT_ROLE_SPECIALIST, given=given, step=step.name, rank=index, later=later
        )
        seat.aloud = index == self._pattern.output and self._plan.extraction is None
        return seat

    def _given(self, step: Step, *, last: bool) -> Input:
        names = {each.name: self.votes.get(index) for index, each in enumerate(self._pattern.steps)}
        return asked_of(step, self._session.given, names, last=last)

    def _after(self, index: int) -> float:
        """Seconds that the longest way from the end of this step to the answer may take. Each step is looked
        at once: the ways through a graph are many more than its steps."""
        if index not in self._ways:
            ways = [
                self._session.patience(self._plan.members[step.member]) + self._after(after)
                for after, step in enumerate(self._pattern.steps)
                if index in step.needs
            ]
            self._ways[index] = max(ways, default=0.0)
        return self._ways[index]

    def _lose(self, index: int) -> None:
        step = self._pattern.steps[index]
        if step.optional and index != self._pattern.output:
            self.lost.add(index)
            said = self._trouble(index, told=True)
            self.notes.append(f"the step '{step.name}' failed and was left out: {said}")
        elif self.failed is None:
            self.failed = index

    def _trouble(self, index: int, *, told: bool = False) -> str:
        seat = self._seats.get(index)
        entries: list[Entry] = [entry for entry in self._session.entries if entry.seat is seat]
        if not entries:
            return "it was not asked"
        return entries[-1].tell() if told else entries[-1].trouble

    def _name(self, index: int) -> str:
        return self._pattern.steps[index].name
