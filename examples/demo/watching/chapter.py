"""A model that answers elsewhere, watched from its first baseline to the router that turns away from it."""

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from turnout.drift.v1.concept_pb2 import ConceptStatus
from turnout.drift.v1.performance_pb2 import GetPerformanceHistoryResponse
from turnout.drift.v1.result_pb2 import DriftResult

from examples.demo.desk import seen, status
from examples.demo.elsewhere import NEW, OLD, Prediction, Stump
from examples.demo.evidence import Looks, Watch
from examples.demo.hook import Hook, listening
from examples.demo.options import Options, Without
from examples.demo.watching import alarms, logbook, references
from examples.demo.watching.bureau import Bureau
from examples.demo.watching.guard import MODEL, Guard
from examples.demo.watching.looking import Glass
from examples.demo.watching.notes import Notes
from services.cli.drift.report import Report, render
from services.foundation.client import Client


class Chapter:
    """Plays beside the story, on models of its own. `now` is in seconds since 1970."""

    def __init__(
        self, where: Mapping[str, str], models: Mapping[str, str], options: Options, now: Callable[[], float]
    ) -> None:
        self._bureau = Bureau(where["drift"], now)
        self._router = Client(where["router"])
        self._models = models
        self._options = options
        self._model = f"models/{options.prefix}{MODEL}"
        self._notes = Notes()

    async def play(self) -> Watch:
        """All of it. Raises RemoteError for what the suite refuses."""
        try:
            async with listening(alarms.SECRET, self._bureau.now) as hook:
                return await self._play(hook)
        finally:
            await asyncio.gather(self._bureau.close(), self._router.close())

    async def _play(self, hook: Hook) -> Watch:
        guard = Guard(self._router, self._options.prefix)
        await guard.deploy(self._models)
        stump, begin = Stump(), self._bureau.now()
        watch = Watch(baseline=await references.from_file(self._bureau, self._model, stump))
        await references.beside(self._bureau, self._model, stump)
        watch = await self._logged(watch, stump, begin)
        watch = replace(watch, before=await guard.choice())
        follower = alarms.Follower(self._bureau, self._model)
        following = asyncio.ensure_future(follower.listen())
        try:
            # Early: the schedule's first look comes with the minute, and there is enough to see until then.
            await alarms.schedule(self._bureau, self._model, hook.url)
            self._notes.tested(await alarms.tried(self._bureau, self._model))
            watch = await self._seen(watch, begin)
            watch, result = await self._alarmed(watch, hook, follower)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        watch, history = await self._judged(watch)
        await self._bureau.until(lambda: guard.turned(watch.before, bool(watch.alert)))
        return replace(
            watch,
            after=await guard.choice(),
            report=self._report(result, history),
            asked=frozenset(self._bureau.asked),
            notes=self._notes.told,
        )

    async def _logged(self, watch: Watch, stump: Stump, begin: float) -> Watch:
        """Predictions and labels."""
        made = self._made(stump, begin)
        first, logged, duplicates = await logbook.log(self._bureau, self._model, made)
        waiting = await logbook.unmatched(self._bureau, self._model, len(made))
        labels = await logbook.label(self._bureau, self._model, first, made, self._options.seed)
        left = await logbook.unmatched(self._bureau, self._model, 0)
        found = replace(watch, logged=logged, duplicates=duplicates, unmatched=(waiting, left), labels=labels)
        self._notes.logged(found, await logbook.matched(self._bureau, self._model))
        return found

    def _made(self, stump: Stump, begin: float) -> list[Prediction]:
        seed, sound = self._options.seed, Without.SHIFT in self._options.without
        return stump.predictions(begin, seed, f"{self._options.prefix}{seed}", sound=sound)

    async def _seen(self, watch: Watch, begin: float) -> Watch:
        """Analyses by hand, and the baseline that the first half is worth."""
        glass = Glass(self._bureau, self._model, begin)
        before, after = await glass.before(), await glass.after()
        old, new, beside = await glass.of(OLD), await glass.of(NEW), await glass.beside()
        looks = Looks(seen(before), seen(after), seen(old), seen(new), seen(beside))
        rows = await references.from_traffic(self._bureau, self._model, *glass.early)
        survey = await references.surveyed(self._bureau, self._model)
        self._notes.survey(watch.baseline, rows, survey)
        self._notes.looks(looks, after)
        self._notes.kept(await glass.latest(), await glass.kept())
        return replace(watch, looks=looks, sources=survey.sources, active=survey.active)

    async def _alarmed(
        self, watch: Watch, hook: Hook, follower: alarms.Follower
    ) -> tuple[Watch, DriftResult]:
        """The first look of the schedule, and what it raised."""
        result = await alarms.looked(self._bureau, self._model)
        alerts = await alarms.raised(self._bureau, self._model, hook, follower)
        found = replace(
            watch,
            status=status(result.status),
            feature=result.features[0].feature if result.features else "",
            alert=" ".join(one.summary for one in alerts),
            heard=hook.heard,
            signed=hook.signed,
            followed=follower.heard,
        )
        self._notes.alarmed(found, alerts)
        return found, result

    async def _judged(self, watch: Watch) -> tuple[Watch, GetPerformanceHistoryResponse]:
        """What labels say of it."""
        history = await alarms.history(self._bureau, self._model, watch.logged)
        self._notes.judged(history.concept, await alarms.by_scanner(self._bureau, self._model))
        concept = ConceptStatus.Name(history.concept.status).removeprefix("CONCEPT_STATUS_")
        return replace(watch, concept=concept, errors=history.concept.summary), history

    def _report(self, result: DriftResult, history: GetPerformanceHistoryResponse) -> str:
        """The page, written where it stays; its path."""
        if not result.name:
            return ""
        path = Path(tempfile.mkdtemp(prefix="turnout-drift-")) / f"{self._options.prefix}{MODEL}.html"
        page = render(Report(result, datetime.fromtimestamp(self._bureau.now(), UTC), performance=history))
        path.write_text(page, encoding="utf-8")
        return str(path)
