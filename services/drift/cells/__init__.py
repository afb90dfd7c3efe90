"""Cells: the one data structure of drift. Integer counts on a partition of values frozen at the baseline."""

from services.drift.cells.freezing import freeze, freeze_sample, tally_sample, thinned
from services.drift.cells.grid import MAX_CELLS, Grid
from services.drift.cells.rebinning import regrid
from services.drift.cells.sample import Sample
from services.drift.cells.tally import Tally
from services.drift.cells.vocabulary import MAX_NAMES, Vocabulary, learn, learn_counts

Frame = Grid | Vocabulary
"""What a feature is counted on: a grid for numbers, a vocabulary for categories."""

__all__ = [
    "MAX_CELLS",
    "MAX_NAMES",
    "Frame",
    "Grid",
    "Sample",
    "Tally",
    "Vocabulary",
    "freeze",
    "freeze_sample",
    "learn",
    "learn_counts",
    "regrid",
    "tally_sample",
    "thinned",
]
