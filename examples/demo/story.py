"""The story itself: three acts of traffic through three routers, and the evidence of what happened."""

import asyncio
import dataclasses
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from examples.demo import faults, pages
from examples.demo.cast import CAST, WATCHED, routers
from examples.demo.claims import accounting
from examples.demo.desk import Desk
from examples.demo.evidence import Act, Answer, Evidence, final
from examples.demo.mixing import mixed
from examples.demo.options import Budget, Options, Without
from examples.demo.rows import SHIFT, Question, Supply, deviation, shifted, training_columns, training_labels
from examples.demo.traffic import accuracy

TICKS = 24
AT_ONCE = 8
MINUTE = 60.0
# How long effects may take to travel through streams and gauges before the story goes on without them.
PATIENCE_SECONDS = 12.0
LEARNING_SECONDS = 2.0
SETTLED = 1e-6

Progress = Callable[["Story"], None]


@dataclasses.dataclass(frozen=True)
class Stage:
    """Where the suite is: addresses by service, metrics pages, and models with their control; `pids` are the
    processes that work at the time of asking."""

    services: Mapping[str, str]
    metrics: Sequence[str]
    models: Mapping[str, str]
    controls: Mapping[str, str]
    pids: Callable[[], Mapping[str, Sequence[int]]]

    @classmethod
    def of(cls, ready: Mapping[str, Any], pids: Callable[[], Mapping[str, Sequence[int]]]) -> "Stage":
        """From the document of a ready file."""
        services = {name: ready[name] for name in ("router", "aggregator", "feedback", "drift")}
        models = {name: address.removeprefix("grpc://") for name, address in ready["models"].items()}
        metrics = [url for urls in ready["metrics"].values() for url in urls]
        return cls(services, metrics, models, ready["controls"], pids)


class Story:
    """Plays on a stage. `told` is called whenever there is something new to see."""

    def __init__(self, stage: Stage, options: Options, *, now: Callable[[], float], told: Progress) -> None:
        self.act = Act.LEARNING
        self.answers: list[Answer] = []
        self.desk = Desk(stage.services, options.prefix)
        self._stage = stage
        self._options = options
        self._budget = Budget.of(options.requests)
        self._now = now
        self._told = told
        self._rng = random.Random(options.seed)
        self._tumours = Supply("breast-cancer", options.seed)
        self._digits = Supply("digits", options.seed)
        self._training = training_columns("breast-cancer")
        self._struck: set[int] = set()
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def play(self) -> Evidence:
        """All of it."""
        await self._prepare()
        begin = self._now()
        # The client says when things happened: the first act an hour and a half ago, the last one just now.
        before = (begin - 90 * MINUTE, begin - 50 * MINUTE)
        after = (begin - 40 * MINUTE, begin)
        await self._learn(before)
        await self._suffer()
        await self._shift(after)
        return await self._gather(before, after)

    async def _prepare(self) -> None:
        await self.desk.register(self._stage.models)
        await self.desk.baseline(WATCHED, self._training)
        for juror in CAST.jurors:
            await self.desk.answers(juror, training_labels("digits"))
        for router in routers(self._options):
            await self.desk.deploy(router)

    async def _learn(self, window: tuple[float, float]) -> None:
        """Ordinary traffic for all three; after each tick the labels come in."""
        for when, share in _ticks(window):
            asked = [
                self._ask(CAST.split, self._tumours.take(), when)
                for _ in range(_part(self._budget.split, share))
            ]
            asked += [
                self._ask(CAST.bandit, self._digits.take()) for _ in range(_part(self._budget.bandit, share))
            ]
            asked += [
                self._ask(CAST.jury, self._digits.take()) for _ in range(_part(self._budget.jury, share))
            ]
            await self._tick(asked)
            await self._patiently(self._has_learnt, LEARNING_SECONDS)

    async def _suffer(self) -> None:
        """The bandit's favourite is killed and a member of the jury hangs."""
        self.act = Act.OUTAGE
        control = self._stage.controls[f"models/{CAST.hanging}"]
        await faults.set_mode(control, "hang")
        try:
            await self._go_on()
        finally:
            await faults.set_mode(control, "ok")

    async def _go_on(self) -> None:
        """Traffic until the bandit has moved and the jury has shown what it does, or the budget ends."""
        left = self._budget.outage
        while left > 0 and not self._has_moved():
            self._strike()
            await self._tick(
                [
                    *(self._ask(CAST.bandit, self._digits.take()) for _ in range(16)),
                    *(self._ask(CAST.jury, self._digits.take()) for _ in range(4)),
                ]
            )
            left -= 20

    def _strike(self) -> None:
        """Kill the bandit's favourite, and whoever the supervisor has put in its place since."""
        successors = {*self._stage.pids().get(f"models/{CAST.best}", ())} - self._struck
        for pid in successors:
            faults.kill(pid)
        self._struck |= successors

    async def _shift(self, window: tuple[float, float]) -> None:
        """An instrument is out of order: one feature reads too high, in every row."""
        self.act = Act.SHIFT
        by = (
            0.0 if Without.SHIFT in self._options.without else SHIFT * deviation(self._training[CAST.shifted])
        )
        for when, share in _ticks(window):
            questions = [self._tumours.take() for _ in range(_part(self._budget.shifted, share))]
            await self._tick(
                [self._ask(CAST.split, shifted(one, CAST.shifted, by), when) for one in questions]
            )

    async def _ask(self, router: str, question: Question, when: float | None = None) -> Answer:
        async with self._gate:
            return await self.desk.ask(self.act, router, question, when)

    async def _tick(self, asked: Sequence[Coroutine[Any, Any, Answer]]) -> None:
        """Ask, then report the truth of what was answered."""
        answers = await asyncio.gather(*asked)
        self.answers += answers
        labels = [answer.truth for answer in answers]
        if Without.TRUTH in self._options.without:
            labels = mixed(answers, self._rng)
        await asyncio.gather(
            *(
                self._tell(one.prediction_id, label)
                for one, label in zip(answers, labels, strict=True)
                if one.label
            )
        )
        self._told(self)

    async def _tell(self, prediction: str, label: str) -> None:
        async with self._gate:
            await self.desk.tell(prediction, label)

    def _has_moved(self) -> bool:
        """Whether traffic has left the dead model, and the jury has gone on without its member."""
        outage = [answer for answer in self.answers if answer.act is Act.OUTAGE]
        allotted = final([answer for answer in outage if answer.router == CAST.bandit], CAST.best)
        degraded = sum(answer.degraded for answer in outage)
        return allotted <= CAST.exploration_rate and degraded >= 12

    async def _has_learnt(self) -> bool:
        """Whether every label told so far is in the bandit's rewards."""
        told = sum(one.router == CAST.bandit and one.label is not None for one in self.answers)
        return sum(arm.rewards for arm in (await self.desk.arms(CAST.bandit)).values()) >= told

    async def _gather(self, before: tuple[float, float], after: tuple[float, float]) -> Evidence:
        """Read what the suite reports, once it has digested everything."""
        evidence: Evidence | None = None

        async def digested() -> bool:
            nonlocal evidence
            evidence = await self._read(before, after)
            counted = accounting.check(evidence).held
            return counted and self._all_labels(evidence) and self._all_rows(evidence)

        await self._patiently(digested, PATIENCE_SECONDS)
        assert evidence is not None  # noqa: S101 - `_patiently` looks at least once
        jurors = await self.desk.analyse(CAST.jurors[0], after[1], self._now(), CAST.jurors[1])
        return dataclasses.replace(evidence, jurors=jurors)

    async def _look_up(self) -> None:
        """An error of a jury does not say who was asked; its record does."""
        for place, answer in enumerate(self.answers):
            if answer.label is None and answer.prediction_id and not answer.calls:
                calls = await self.desk.account(answer.prediction_id)
                self.answers[place] = dataclasses.replace(answer, calls=calls)

    async def _read(self, before: tuple[float, float], after: tuple[float, float]) -> Evidence:
        await self._look_up()
        readings = await pages.read(self._stage.metrics, self._options.prefix)
        calm, late = [await self.desk.analyse(WATCHED, *window) for window in (before, after)]
        return Evidence(
            CAST,
            self.answers,
            await self.desk.arms(CAST.bandit),
            readings.instruments,
            readings.decisions,
            readings.latencies,
            readings.accuracy,
            calm,
            late,
        )

    def _all_labels(self, evidence: Evidence) -> bool:
        """Whether the gauges of models that sit in no jury have settled at what was told."""
        told = {model: accuracy([a for a in self.answers if a.variant == model]) for model in CAST.weights}
        if not evidence.accuracy.keys() >= {*CAST.jurors, *CAST.arms}:
            return False
        misled = Without.TRUTH in self._options.without
        return misled or all(
            abs(evidence.accuracy.get(model, 0.0) - (share or 0.0)) < SETTLED for model, share in told.items()
        )

    def _all_rows(self, evidence: Evidence) -> bool:
        """Whether drift has counted what the watched model saw."""
        seen = {act: sum(a.act is act and a.variant == WATCHED for a in self.answers) for act in Act}
        return evidence.before.rows >= seen[Act.LEARNING] and evidence.after.rows >= seen[Act.SHIFT]

    async def _patiently(self, done: Callable[[], Coroutine[Any, Any, bool]], seconds: float) -> None:
        """Wait for an effect, but not for ever: whether it came is for the claims to say."""
        deadline = self._now() + seconds
        while not await done() and self._now() < deadline:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.05)


def _ticks(window: tuple[float, float]) -> Iterable[tuple[float, float]]:
    """(time within the window, share of the act's requests) per tick."""
    start, end = window
    return [(start + (end - start) * (tick + 0.5) / TICKS, 1 / TICKS) for tick in range(TICKS)]


def _part(budget: int, share: float) -> int:
    return max(1, round(budget * share))
