"""Traffic of entities that come again, each with an answer of its own and an arm that it keeps, and labels
that come late: what voids a test that takes every label as it comes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.feedback.sequential.seen import Flags, Floats
from tests.feedback.sequential.trials import Stream, World

# Entities by Zipf's law with exponent 1.1: of 20,000 predictions about 4,000 are an entity's first.
ENTITIES, EXPONENT = 20_000, 1.1
# Labels come 10 predictions after their decision; failures of the canary after 500.
DELAY, SLOW = 10, 500


class Traffic(NamedTuple):
    """Predictions in decision order, [runs, n]. arrival: when the label came, as a count of predictions."""

    entity: NDArray[np.int64]
    treated: Flags
    values: Floats
    arrival: NDArray[np.int64]


def traffic(rng: np.random.Generator, world: World, runs: int, length: int) -> Traffic:
    """Sticky entities: one arm each, and one outcome each, whatever the arm says about how likely it is."""
    weights = 1.0 / np.arange(1, ENTITIES + 1) ** EXPONENT
    entity = np.searchsorted(np.cumsum(weights / weights.sum()), rng.random((runs, length)))
    entity = np.minimum(entity, ENTITIES - 1)
    arm = rng.random((runs, ENTITIES)) < world.share
    outcome = rng.random((runs, ENTITIES)) < np.where(arm, world.canary, world.baseline)
    treated, values = np.take_along_axis(arm, entity, 1), np.take_along_axis(outcome, entity, 1)
    arrival = np.arange(length) + np.where(treated & ~values, SLOW, DELAY)
    return Traffic(entity, treated, values.astype(np.float64), arrival)


def firsts(found: Traffic) -> Stream:
    """One observation per entity, its first decision, in decision order: what evidence folds.

    Looked at whenever a label comes, up to the last decision before which no label is outstanding: what is
    folded is always a beginning of this sequence, whatever the delays.
    """
    first = np.stack([_first(one) for one in found.entity])
    # In front, in order, what is an entity's first; its length differs from run to run.
    order = np.argsort(~first, axis=1, kind="stable")
    longest = int(first.sum(1).max())
    kept = order[:, :longest]
    return Stream(
        np.take_along_axis(found.treated, kept, 1),
        np.take_along_axis(found.values, kept, 1),
        np.take_along_axis(first, kept, 1),
    )


def everything(found: Traffic) -> Stream:
    """Every label is an observation, in decision order: repeats are taken for news."""
    return Stream(found.treated, found.values, np.ones_like(found.treated))


def as_they_come(found: Stream) -> Stream:
    """Independent observations in the order in which their labels arrive."""
    arrival = np.arange(found.treated.shape[1]) + np.where(found.treated & (found.values == 0.0), SLOW, DELAY)
    order = np.argsort(arrival, axis=1, kind="stable")
    # What arrives after the end of the trial was never looked at.
    there = np.take_along_axis(arrival, order, 1) < found.treated.shape[1]
    return Stream(
        np.take_along_axis(found.treated, order, 1), np.take_along_axis(found.values, order, 1), there
    )


def _first(entity: NDArray[np.int64]) -> Flags:
    flags = np.zeros(len(entity), dtype=bool)
    flags[np.unique(entity, return_index=True)[1]] = True
    return flags
