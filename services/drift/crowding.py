"""Whether a window has crowded into one cell of a feature, within which nothing that moves is seen."""

from math import inf

import numpy as np

from services.drift.baselines import Feature
from services.drift.cells import Grid, Tally

# A cell of several values that holds more cannot show what moves within it.
COARSE = 0.05
# Of fewer values chance puts so many into some cell: six of a hundred into one of 256 once in 900 windows.
LEAST_VALUES = 100
# Cells that held nearly so much in the baseline must hold clearly more.
DEVIATIONS = 4.0

WAY_OUT = (
    "For finer cells: CreateBaseline with window.refreeze, activate false and counted true; make it active "
    "(SetActiveBaseline) once its windows hold enough."
)


def crowded(feature: Feature, tally: Tally) -> str:
    """A sentence about the fullest cell of several values that holds more than 5 % of the window's though it
    did not of the baseline's; empty where there is none."""
    frame = feature.frame
    if not isinstance(frame, Grid):
        return ""
    counts, before = frame.present(tally), frame.present(feature.tally)
    rows = int(counts.sum())
    if rows < LEAST_VALUES or counts.max() <= COARSE * rows:
        return ""
    shares = before / max(int(before.sum()), 1)
    chance = rows * shares + DEVIATIONS * np.sqrt(rows * shares * (1 - shares))
    full = ~frame.singletons & (shares <= COARSE) & (counts > np.maximum(COARSE * rows, chance))
    if not full.any():
        return ""
    cell = int(np.argmax(np.where(full, counts, 0)))
    return (
        f"{feature.name}: {counts[cell] / rows:.1%} of its values lie in one cell, {_range(frame, cell)}, "
        f"where the baseline has {shares[cell]:.1%}: what moves within it is not seen."
    )


def _range(grid: Grid, cell: int) -> str:
    left = grid.edges[cell - 1] if cell else -inf
    right = grid.edges[cell] if cell < len(grid.edges) else inf
    if left == -inf:
        return f"up to {right:g}"
    return f"above {left:g}" + ("" if right == inf else f" and up to {right:g}")
