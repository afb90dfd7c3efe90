"""Copies of the traffic for variants whose answers are compared and never served.

Nothing on the way of a reply waits for them: a copy is put in line, told as PENDING, and completed by an
event of its own. Copies have their own connections, deadline, concurrency and room, and say nothing of a
model's health: a model that is slow under copies must not be taken from those whom it serves.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from hashlib import blake2b
from weakref import WeakKeyDictionary

from turnout.inference.v1.event_pb2 import ParticipantEvent
from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.manifest_pb2 import (
    OUTCOME_DROPPED,
    OUTCOME_PENDING,
    OUTCOME_SKIPPED,
    PARTICIPANT_ROLE_SHADOW,
    Outcome,
    Participant,
)

from services.foundation.call import Call
from services.foundation.logs import log
from services.foundation.metrics import Metrics
from services.foundation.tracing import RemoteParent
from services.models.answer import MESSAGE_LENGTH
from services.models.handle import ModelHandle
from services.models.pool import ModelPool
from services.router.deciding.plan import Arm, RoutingPlan
from services.router.execution.carrying import Mirror
from services.router.execution.copies import Copy
from services.router.execution.entries import seat_of
from services.router.execution.ledger import Ledger

# How long copies in flight may take once the process is to end.
CLOSE_SECONDS = 2.0


class Lane:
    """The copies of one router: how many workers are at it, and what they will come to."""

    def __init__(self) -> None:
        self.running = 0
        self.waiting: deque[Copy] = deque()

    def room(self, mirror: Mirror) -> bool:
        """Whether one more copy can be made, or wait."""
        return self.running < mirror.concurrency or len(self.waiting) < mirror.waiting


class Mirrors:
    """`pool` has connections of its own; `put(partition, event)` takes serialized ParticipantEvents; `secret`
    is part of the key of what is logged as a hash."""

    def __init__(
        self, pool: ModelPool, put: Callable[[int, bytes], None], metrics: Metrics, secret: bytes = b""
    ) -> None:
        self._pool = pool
        self._put = put
        self._metrics = metrics
        self._secret = secret
        self._lanes: dict[str, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # Lines of a shadow end with the handle that they are the twin of.
        self._twins: WeakKeyDictionary[ModelHandle, ModelHandle] = WeakKeyDictionary()

    @property
    def in_line(self) -> tuple[int, int]:
        """Copies that wait, and copies in flight."""
        lanes = self._lanes.values()
        return sum(len(lane.waiting) for lane in lanes), sum(lane.running for lane in lanes)

    def offer(
        self,
        plan: RoutingPlan,
        mirror: Mirror,
        asked: Collection[str],
        given: Input,
        call: Call,
        ledger: Ledger,
    ) -> None:
        """Put a copy in line for every mirrored variant that was not `asked` itself, and tell the ledger of
        each. Close the ledger without awaiting anything in between."""
        if not sampled(ledger.prediction_id, mirror.share):
            return
        size = given.ByteSize()
        parent = RemoteParent(call.trace_id, call.span_id, call.sampled)
        lane = self._lanes.get(plan.uid) or Lane()
        for link in mirror.links:
            arm = plan.by_variant.get(link.variant)
            if arm is None or arm.variant in asked:
                continue
            seat = seat_of(arm, PARTICIPANT_ROLE_SHADOW, 1)
            # A copy is no probe, and beside one it would be a second call of a model that is out.
            barred = link.barred or ("ejected; a request is trying it" if arm.probe is not None else "")
            if barred:
                self._leave_out(ledger, arm, OUTCOME_SKIPPED, barred)
            elif size > mirror.largest:
                told = f"the input has {size} bytes; at most {mirror.largest} are mirrored"
                self._leave_out(ledger, arm, OUTCOME_DROPPED, told)
            elif not lane.room(mirror):
                told = f"{mirror.concurrency} copies are in flight and {len(lane.waiting)} wait"
                self._leave_out(ledger, arm, OUTCOME_DROPPED, told)
            else:
                place = ledger.join(seat + Participant(outcome=OUTCOME_PENDING).SerializeToString())
                copy = Copy(arm.handle, given, mirror.seconds, seat, place, ledger, plan.partition, parent)
                self._line_up(plan.uid, lane, copy, mirror.concurrency)

    async def close(self) -> None:
        """Give the copies in flight two seconds, and tell of those that were not made."""
        for lane in self._lanes.values():
            while lane.waiting:
                copy = lane.waiting.popleft()
                self._end(copy, copy.dropped())
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
            for one in late:
                one.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _leave_out(self, ledger: Ledger, arm: Arm, outcome: Outcome, why: str) -> None:
        seat = seat_of(arm, PARTICIPANT_ROLE_SHADOW, 0)
        told = Participant(outcome=outcome, error_message=why[:MESSAGE_LENGTH])
        ledger.join(seat + told.SerializeToString())
        ledger.note_warning(f"not mirrored to {arm.variant}: {why}")
        self._count(arm.model, outcome)

    def _line_up(self, uid: str, lane: Lane, copy: Copy, concurrency: int) -> None:
        self._lanes[uid] = lane
        if lane.running >= concurrency:
            lane.waiting.append(copy)
            return
        lane.running += 1
        task = asyncio.get_running_loop().create_task(self._work(uid, lane, copy), name="shadow")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, uid: str, lane: Lane, copy: Copy) -> None:
        """Make this copy, and then whichever waits longest, until none does."""
        try:
            await self._make(copy)
            while lane.waiting:
                await self._make(lane.waiting.popleft())
        finally:
            lane.running -= 1
            if not lane.running and not lane.waiting:
                self._lanes.pop(uid, None)

    async def _make(self, copy: Copy) -> None:
        try:
            # Only here: whatever opening its lines may meet with, no reply is made to wait or fail for it.
            event = await copy.made(self._twin(copy.handle))
        except asyncio.CancelledError:
            self._end(copy, copy.cancelled())
            raise
        except Exception:  # noqa: BLE001 - a defect that a shadow brings out must not stop the other copies
            log.exception("a copy could not be made", model=copy.handle.name)
            event = copy.untold(OUTCOME_DROPPED, "a defect of ours; the replica's log has it")
        self._end(copy, event)

    def _end(self, copy: Copy, event: ParticipantEvent) -> None:
        if copy.ledger.redactor is not None:
            copy.ledger.redactor.late(event, self._secret)
        self._put(copy.partition, event.SerializeToString())
        self._count(copy.handle.name, event.participant.outcome)

    def _count(self, model: str, outcome: Outcome) -> None:
        self._metrics.shadow_copies[model, Outcome.Name(outcome).removeprefix("OUTCOME_").lower()].inc()

    def _twin(self, handle: ModelHandle) -> ModelHandle:
        twin = self._twins.get(handle)
        if twin is None:
            twin = self._twins[handle] = self._pool.twin(handle)
        return twin


def sampled(prediction_id: str, share: float) -> bool:
    """Whether a prediction is in a share (0 to 1) of all: every replica, and who looks later, finds the same.

    >>> [sampled("0198f3c2-0000-7000-8000-000000000000", share) for share in (0.0, 1.0)]
    [False, True]
    """
    if share >= 1:
        return True
    return int.from_bytes(blake2b(prediction_id.encode(), digest_size=8).digest(), "big") < share * 2**64
