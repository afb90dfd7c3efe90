"""Makes the looks of one model that are due: analyses, folds, writes under the fence, then tells."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from turnout.drift.v1 import result_pb2
from turnout.drift.v1.alert_config_pb2 import AlertConfig
from turnout.drift.v1.alert_memory_pb2 import AlertMemory
from turnout.router.v1.model_pb2 import Model

from services.drift.alerts.alert_store import AlertStore, Commit
from services.drift.alerts.conditions import Moment
from services.drift.alerts.gauges import AlertGauges
from services.drift.schedule.analyst import Analyst, Span
from services.drift.schedule.concluding import closed, conclude, last_time
from services.drift.schedule.findings import Seen
from services.drift.schedule.timetable import SETTLE_SECONDS, Timetable
from services.foundation.logs import log
from services.state.fenced import Fence
from services.state.ids import partition_for
from services.state.verdicts import EXPIRY_SECONDS, VerdictStore


@dataclass
class Looker:
    """Remembers, of each model, what it has written itself, under which token. `now`: seconds since 1970."""

    analyst: Analyst
    store: AlertStore
    verdicts: VerdictStore
    gauges: AlertGauges
    now: Callable[[], float]
    settle: float = SETTLE_SECONDS
    _held: dict[str, tuple[str, AlertMemory | None]] = field(default_factory=dict)
    # The interval under which what a former one said was taken back, by model.
    _freed: dict[str, int] = field(default_factory=dict)

    def keep(self, uids: Collection[str]) -> None:
        """Forget the models that are not among these."""
        for uid in self._held.keys() - set(uids):
            self._freed.pop(uid, None)
            _, memory = self._held.pop(uid)
            if memory is not None:
                self.gauges.forget(memory.model)

    async def visit(self, model: Model, config: AlertConfig, fence: Fence) -> int:
        """Make the looks that are due, oldest first; how many. Raises StateUnavailable, LostLease,
        NewerFormat: what was not written is made again."""
        memory = await self._memory(model, config, fence)
        if not config.schedule.enabled:
            await self._close(model, config, memory, fence)
            return 0
        interval = config.schedule.interval.seconds
        if memory is not None and memory.interval != interval and self._freed.get(model.uid) != interval:
            # What held until the next look of a longer interval would outlive those of this one.
            await self.verdicts.forget(model.uid)
            self._freed[model.uid] = interval
        table, done = timetable(config, self.settle), looks_done(config, memory)
        passed, looks = table.passed_over(done, self.now()), table.due(done, self.now())
        if passed and looks:
            log.warning("looks were passed over", model=model.name, looks=passed)
        for look in looks:
            seen = await self._look(model, config, Span(*table.span(look), look))
            at = Moment(model.name, model.uid, look, table.end(look))
            async with self.store.turn(partition_for(model.uid)):
                if memory is not None:
                    await self.store.refresh(model.uid, memory)
                made = conclude(config, memory, seen, at, passed)
                memory, passed = await self._write(model, config, fence, made), 0
            self.gauges.looked(seen.findings[0])
        return len(looks)

    async def abandon(self, model_uid: str, fence: Fence) -> None:
        """Clear what fires of a model that is no more, and forget everything of it. Raises StateUnavailable,
        LostLease, NewerFormat."""
        self._held.pop(model_uid, None)
        memory = await self.store.memory(model_uid)
        if memory is not None:
            at = Moment(memory.model, model_uid, memory.look, self.now())
            made = closed(AlertConfig(), memory, at)
            if made is not None:
                await self.store.commit(model_uid, fence, made)
                await self.store.announce(model_uid, made.memory)
            self.gauges.forget(memory.model)
        await self.store.forget(model_uid)

    async def _memory(self, model: Model, config: AlertConfig, fence: Fence) -> AlertMemory | None:
        token, memory = self._held.get(model.uid, ("", None))
        if token == fence.token:
            return memory
        memory = await self.store.memory(model.uid)
        if memory is not None:
            # Whoever led the partition before may have died between writing and telling.
            await self._tell(model, config, memory)
        self._held[model.uid] = fence.token, memory
        return memory

    async def _look(self, model: Model, config: AlertConfig, span: Span) -> Seen:
        features, segments = config.schedule.features, config.schedule.segments
        findings = [await self.analyst.find(model, span, features, one) for one in (None, *segments)]
        ask = self.analyst.concept if config.concept.enabled else None
        return Seen(findings, await ask(model.uid) if ask else None)

    async def _close(
        self, model: Model, config: AlertConfig, memory: AlertMemory | None, fence: Fence
    ) -> None:
        if memory is None:
            return
        at = Moment(model.name, model.uid, memory.look, self.now())
        async with self.store.turn(partition_for(model.uid)):
            await self.store.refresh(model.uid, memory)
            made = closed(config, memory, at)
            if made is not None and (made.alerts or made.memory != memory):
                await self._write(model, config, fence, made)
                await self.verdicts.forget(model.uid)

    async def _write(self, model: Model, config: AlertConfig, fence: Fence, made: Commit) -> AlertMemory:
        self._held.pop(model.uid, None)
        dead = await self.store.commit(model.uid, fence, made)
        if dead:
            log.error("too many notifications wait: gave up on some", model=model.name, given_up=dead)
            self.gauges.told("dead", dead)
        await self._tell(model, config, made.memory)
        self._held[model.uid] = fence.token, made.memory
        return made.memory

    async def _tell(self, model: Model, config: AlertConfig, memory: AlertMemory) -> None:
        """What follows from what is written: done twice is done once."""
        await self.store.announce(model.uid, memory)
        self.gauges.firing(model.name, memory)
        if not config.schedule.enabled or memory.status == result_pb2.DRIFT_STATUS_UNSPECIFIED:
            return
        time = last_time(memory)
        holds = 2 * config.schedule.interval.seconds + self.settle
        await self.verdicts.say(
            model.uid, model.name, memory.status, time + self.settle, time + max(EXPIRY_SECONDS, holds)
        )


def timetable(config: AlertConfig, settle: float = SETTLE_SECONDS) -> Timetable:
    """The looks of a schedule, each made `settle` seconds after its end."""
    schedule = config.schedule
    start = schedule.start_time.seconds + schedule.start_time.nanos / 1e9
    return Timetable(schedule.interval.seconds, schedule.window.seconds, start, schedule.epoch_looks, settle)


def looks_done(config: AlertConfig, memory: AlertMemory | None) -> int | None:
    """The last look, as this schedule numbers them; None where it has made none."""
    if memory is None or memory.interval != config.schedule.interval.seconds:
        return None
    return memory.look
