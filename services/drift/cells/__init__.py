"""Cells: the one data structure of drift. Integer counts on a partition of values frozen at the baseline."""

from services.drift.cells.grid import MAX_CELLS, Grid, freeze
from services.drift.cells.tally import Tally
from services.drift.cells.vocabulary import MAX_NAMES, Vocabulary, learn

Frame = Grid | Vocabulary
"""What a feature is counted on: a grid for numbers, a vocabulary for categories."""

__all__ = ["MAX_CELLS", "MAX_NAMES", "Frame", "Grid", "Tally", "Vocabulary", "freeze", "learn"]
