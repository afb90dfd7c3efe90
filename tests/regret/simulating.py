"""A bandit, driven as the suite drives it: what was earned, the allocation, the bounds, the router's pick."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.feedback.measure import Measure
from services.feedback.policies.allocation import bounded, wanted
from services.feedback.policies.earned import Earned, arms_of
from services.feedback.policies.learning import Learning
from services.router.deciding.draw import Wheel
from tests.regret.memories import Ints, Memory
from tests.regret.worlds import HIGH, LOW, World


@dataclass(frozen=True)
class Learner:
    """A policy with its settings and its memory. pending: whether it is told of draws without a reward."""

    learning: Learning
    memory: Callable[[int, int, int], Memory]
    window: int = 10_000
    pending: bool = True


class Told(NamedTuple):
    """One step's rewards."""

    step: int
    arm: Ints
    units: Ints


def simulate(world: World, learner: Learner, runs: int, seed: int) -> NDArray[np.float64]:
    """Cumulative pseudo-regret [step, run]."""
    rng = np.random.default_rng(seed)
    arms, each = world.means.shape[1], np.arange(runs)
    memory = learner.memory(runs, arms, learner.window)
    measure = Measure("reward", LOW, HIGH) if world.noise else Measure("reward")
    learning = replace(learner.learning)
    drawn = np.zeros((runs, arms))
    late: deque[Told] = deque()
    lost = np.zeros((world.steps, runs))
    wheels: list[Wheel] = []
    known = ~np.isnan(world.means)
    for step, means in enumerate(world.means):
        if not wheels or learner.pending or step % world.batch == 0:
            wheels = _wheels(memory, drawn, known[step], learning, learner.pending)
        u = rng.random(runs)
        arm = np.array([wheel.pick(float(one)) for wheel, one in zip(wheels, u, strict=True)])
        drawn[each, arm] += 1
        lost[step] = np.nanmax(means) - means[arm]
        late.append(Told(step, arm, _units(means[arm], world.noise, measure, rng)))
        while late and late[0].step + world.late <= step and (step + 1) % world.batch == 0:
            told = late.popleft()
            memory.take(each, told.arm, np.full(runs, told.step), told.units)
    return np.cumsum(lost, axis=0)


def _units(means: Any, noise: float | None, measure: Measure, rng: np.random.Generator) -> Ints:
    if noise is None:
        return np.asarray((rng.random(len(means)) < means).astype(np.intp) * 1_000_000)
    return np.array([measure.units(value) for value in np.clip(rng.normal(means, noise), LOW, HIGH)])


def _wheels(memory: Memory, drawn: Any, there: Any, learning: Learning, aware: bool) -> list[Wheel]:
    earned = memory.earned()
    if aware:
        earned = earned._replace(pending=drawn - earned.life_n)
    shares = wanted(arms_of(Earned(*(part[:, there] for part in earned))), learning)
    places = np.flatnonzero(there)
    wheels = []
    for row in shares:
        allocation = [0.0] * len(there)
        for place, share in zip(places, bounded(row, learning), strict=True):
            allocation[place] = share
        wheels.append(Wheel(allocation))
    return wheels
