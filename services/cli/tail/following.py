"""Several routers followed at the same time, through restarts, with what was missed."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1 import router_service_pb2 as rpc

from services.cli.complaints import say
from services.cli.connecting import Visit
from services.cli.tail.condition import Condition
from services.cli.tail.printing import Print
from services.foundation import wording
from services.foundation.errors import RemoteError

# Who follows does so until he stops.
A_DAY = 86_400.0
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
# Listings end five seconds ago: only then is what was missed all there.
LISTED_AFTER = (5.5, 15.0, 60.0)
MOST_MISSED = 1000
REMEMBERED = 10_000
# What was made just before the stream broke, or before the next one stood, told nobody either.
MARGIN = 2.0
# Of these another try makes something else.
PASSING = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "RESOURCE_EXHAUSTED", "UNKNOWN", "INTERNAL")


class Following:
    """One run of the command."""

    def __init__(
        self, suite: Visit, wanted: rpc.WatchPredictionsRequest, condition: Condition | None
    ) -> None:
        self._door = suite.to("routers")
        self._wanted = wanted
        self._condition = condition
        self._found: asyncio.Queue[tuple[PredictionEvent, bool]] = asyncio.Queue(1000)
        self._seen: deque[str] = deque(maxlen=REMEMBERED)
        self._asides: set[asyncio.Task[None]] = set()
        # A peer that vanished is noticed late: what came since it was last heard of may be missed.
        self._heard: dict[str, float] = {}

    async def run(self, routers: Sequence[str], show: Print, count: int | None) -> None:
        """Print until there are so many. Raises RemoteError for what another try does not change."""
        names = list(routers) or await self._all()
        say(f"following {', '.join(names) or 'nothing: there is no router'}; Ctrl-C ends it")
        make = asyncio.create_task
        following = {make(self._follow(name), name=name) for name in names}
        printing = make(self._print(show, count))
        try:
            while following and not printing.done():
                done, _ = await asyncio.wait({*following, printing}, return_when=asyncio.FIRST_COMPLETED)
                following -= done
                for task in done:
                    self._ended(task, last=not following)
        finally:
            await _cancelled({*following, printing, *self._asides})

    def _ended(self, task: asyncio.Task[None], *, last: bool) -> None:
        try:
            task.result()
        except RemoteError as refused:
            # Of several, one may be deleted while the others go on.
            if last:
                raise
            say(f"{task.get_name()}: {refused.message}; it is followed no more")

    async def _print(self, show: Print, count: int | None) -> None:
        printed = 0
        while count is None or printed < count:
            event, late = await self._found.get()
            if event.manifest.prediction_id in self._seen:
                continue
            self._seen.append(event.manifest.prediction_id)
            if self._condition is None or self._condition.holds(event):
                show(event, late)
                printed += 1

    async def _all(self) -> list[str]:
        listed = await self._door.listed("ListRouters", "routers", rpc.ListRoutersRequest())
        return [one.name.removeprefix("routers/") for one in listed]

    async def _follow(self, router: str) -> None:
        while True:
            trouble = "the stream was ended"
            self._heard[router] = time.time()
            try:
                await self._watch(router)
            except RemoteError as failed:
                if failed.code not in PASSING:
                    raise
                trouble = wording.plain(failed.message.partition("\n")[0])
            lost = time.time()
            say(f"{router}: {trouble}; waiting for it to come back")
            await self._come_back(router)
            back = time.time()
            say(f"{router}: back after {back - lost:.1f} s; what was missed follows, marked with ~")
            since = self._heard[router] - MARGIN
            aside = asyncio.create_task(self._look_back(router, since, back + MARGIN))
            self._asides.add(aside)
            aside.add_done_callback(self._asides.discard)

    async def _watch(self, router: str) -> None:
        request = rpc.WatchPredictionsRequest(router=router)
        request.MergeFrom(self._wanted)
        async for said in self._door.follow("WatchPredictions", request, A_DAY):
            self._heard[router] = time.time()
            if said.skipped:
                say(f"{router}: {said.skipped:,} predictions were left out, for this side was too slow")
            if said.HasField("prediction"):
                await self._found.put((said.prediction, False))

    async def _come_back(self, router: str) -> None:
        """Until it answers. Raises RemoteError where it does, and there is no such router any more."""
        wait = FIRST_WAIT
        while True:
            try:
                await self._door.ask("GetRouter", rpc.GetRouterRequest(name=router), LONGEST_WAIT)
                return
            except RemoteError as failed:
                if failed.code not in PASSING:
                    raise
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    async def _look_back(self, router: str, start: float, end: float) -> None:
        """What was predicted while nobody told us, once listings have it; again later, for what was recorded
        late."""
        for after in LISTED_AFTER:
            await asyncio.sleep(max(0.0, end + after - time.time()))
            await self._list(router, start, end)

    async def _list(self, router: str, start: float, end: float) -> None:
        request = rpc.ListPredictionsRequest(
            router=router, variant=self._wanted.variant, outcome=self._wanted.outcome
        )
        request.start_time.FromNanoseconds(int(start * 1e9))
        request.end_time.FromNanoseconds(int(end * 1e9))
        try:
            missed = await self._door.listed("ListPredictions", "predictions", request, MOST_MISSED)
        except RemoteError as failed:
            say(f"{router}: what was missed cannot be listed: {failed.message}")
            return
        for record in reversed(missed):
            await self._found.put((record.event, True))
        if len(missed) == MOST_MISSED:
            say(f"{router}: more was missed; RouterService.ListPredictions has it")


async def _cancelled(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
