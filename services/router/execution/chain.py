"""Who is asked next when the chosen variant does not answer, and how much of the caller's time each has."""

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.manifest_pb2 import (
    PARTICIPANT_ROLE_FALLBACK,
    PARTICIPANT_ROLE_HEDGE,
    ParticipantRole,
)

from services.foundation.call import Call
from services.models.answer import Answer, Failure
from services.models.errors import InputMismatch
from services.models.signature import Request
from services.router.deciding.plan import Arm, RoutingPlan
from services.router.execution.apportioning import seconds_for
from services.router.execution.carrying import Carrying, Link
from services.router.execution.entries import Entry, Skipped
from services.router.execution.equipment import Equipment
from services.router.execution.load import Load
from services.router.health.probe import Probe


class Next(NamedTuple):
    """Who is asked, with what, for how many seconds; the probe, if the call is one; as what; and the instance
    that is busy with the same question already."""

    arm: Arm
    question: Request
    seconds: float
    probe: Probe | None = None
    role: ParticipantRole = PARTICIPANT_ROLE_FALLBACK
    avoid: str = ""

    @property
    def told(self) -> str:
        """The role, as metrics call it."""
        return "hedge" if self.role == PARTICIPANT_ROLE_HEDGE else "fallback"


class Chain:
    """The variants that are left to ask, for one prediction. `entries`: what was done so far, and who was
    skipped; `variants`: who was asked."""

    def __init__(
        self,
        plan: RoutingPlan,
        carrying: Carrying,
        load: Load,
        given: Input,
        call: Call,
        use: Equipment,
        *,
        closed: bool = False,
    ) -> None:
        """`closed`: the caller asked for the variant itself, and nobody else's answer will do."""
        self._plan = plan
        self._carrying = carrying
        self._load = load
        self._given = given
        self._call = call
        self._use = use
        # What of the caller's time is not the models'.
        self._kept = call.remaining() - plan.budget(call)
        self._links = [] if closed else list(carrying.chain)
        self._asked: dict[str, int] = {}
        # Calls so far; a jury is one.
        self.made = 0
        self.variants: set[str] = set()
        self.entries: list[Entry | Skipped] = []

    @property
    def left(self) -> float:
        """Seconds that the models still have."""
        return self._call.remaining() - self._kept

    @property
    def affordable(self) -> bool:
        """Whether one more call is within the attempts and the budget."""
        spent = self.made >= self._carrying.attempts
        return not spent and self._load.may_retry(self._carrying.budget)

    def another(self, arm: Arm) -> bool:
        """Whether anybody could race a call of `arm`."""
        return len(arm.handle.endpoints) > 1 or bool(self._links)

    def count(self, arm: Arm) -> int:
        """`arm` is asked: the number of the attempt on its model, from 1."""
        self.variants.add(arm.variant)
        self.made += 1
        number = self._asked[arm.model] = self._asked.get(arm.model, 0) + 1
        return number

    def heard(self, result: Answer | Failure) -> None:
        """What came of an attempt. Of a model that has as many calls as it may have, none was made: who
        follows is asked in its stead, and not once more."""
        if isinstance(result, Failure) and result.kind == "DROPPED":
            self.made -= 1

    def counted(self) -> AbstractContextManager[None]:
        """The attempt that is made now, among second calls in flight where it is one."""
        return self._load.retry() if self.made else nullcontext()

    def question(self, arm: Arm) -> Request:
        """What `arm` is asked. Raises InputMismatch."""
        return arm.handle.prepare(self._given)

    def seconds(self, own: float) -> float:
        """What an attempt with a timeout of `own` seconds may take now."""
        room = self._carrying.attempts - self.made - 1
        later = [arm.handle.timeout for arm in self._to_come()]
        return seconds_for(self.left, own, later[: max(0, room)])

    def next(self, *, racing: bool = False) -> Next | None:
        """The next variant that can be asked; whoever cannot is among `entries`, with the reason. None where
        nobody is left, or no call is. `racing`: whoever may lose a race, and so is no probe."""
        passed: list[Link] = []
        try:
            return self._next(racing, passed)
        finally:
            self._links[:0] = passed

    def _next(self, racing: bool, passed: list[Link]) -> Next | None:
        while self._links:
            link = self._links.pop(0)
            arm = self._plan.by_variant.get(link.variant)
            if arm is None or arm.variant in self.variants:
                continue
            if racing and arm.probe is not None:
                # Its turn may come where the others have failed.
                passed.append(link)
                continue
            if self.made >= self._carrying.attempts:
                return None
            if self.made and not self._load.may_retry(self._carrying.budget):
                self._use.metrics.retries_refused[self._plan.name].inc()
                self._give_up(arm, "the router's retry budget is spent")
                return None
            if self.left <= 0:
                self._give_up(arm, "no time was left to ask it")
                return None
            following = link.barred or self._ready(arm)
            if not isinstance(following, str):
                return following
            self.entries.append(Skipped(arm, following))
        return None

    def _ready(self, arm: Arm) -> Next | str:
        """The call, or why it cannot be made."""
        left, fastest = self.left, self._use.tails.fastest(arm.model)
        if left < fastest:
            return f"{left * 1e3:.0f} ms are left; its fastest recent answer took {fastest * 1e3:.0f} ms"
        try:
            question = self.question(arm)
        except InputMismatch as misfit:
            return misfit.message
        probe = self._use.trial(arm.probe)
        if arm.probe is not None and probe is None:
            return "ejected; another request is trying it"
        return Next(arm, question, self.seconds(arm.handle.timeout), probe)

    def _give_up(self, arm: Arm, why: str) -> None:
        self.entries.append(Skipped(arm, why))
        self._links.clear()

    def _to_come(self) -> list[Arm]:
        arms = (self._plan.by_variant.get(link.variant) for link in self._links if not link.barred)
        return [arm for arm in arms if arm is not None and arm.variant not in self.variants]
