"""A window of traffic that is counted already, as a baseline: the same cells, with the window's counts."""

import numpy as np

from services.drift.baselines import Baseline, Feature
from services.drift.cells import Frame, Grid, Tally, Vocabulary, learn_counts, regrid
from services.drift.cells.blob import Profile
from services.drift.cells.vocabulary import OTHER

REASON = "counted on the cells of {name}"


def recount(baseline: Baseline, profile: Profile) -> tuple[list[Feature], list[str]]:
    """The features of the baseline with the profile's counts, and the names of those that had no value.

    Cells of numbers stay, PSI's bins are laid anew; names that it did not know become categories."""
    features, nothing = list[Feature](), list[str]()
    tallies = profile.tallies(baseline.sizes)
    for feature, tally in zip(baseline.features, tallies, strict=True):
        try:
            frame, counts = _recounted(feature.frame, tally)
        except ValueError:
            nothing.append(feature.name)
            continue
        reason = REASON.format(name=baseline.name)
        features.append(Feature(feature.name, frame, counts, feature.importance, feature.role, reason))
    return features, nothing


def _recounted(frame: Frame, tally: Tally) -> tuple[Frame, Tally]:
    if isinstance(frame, Grid):
        return regrid(frame.edges, frame.present(tally)), tally
    known = zip(frame.names, frame.present(tally).tolist(), strict=False)
    counts = {name: count for name, count in known if count} | dict(tally.unseen)
    vocabulary: Vocabulary = learn_counts(counts, complete=not tally.columns[OTHER])
    kept = [counts[name] for name in vocabulary.names]
    other = int(tally.columns[OTHER]) + sum(counts.values()) - sum(kept)
    return vocabulary, Tally(np.array([*kept, other, frame.absent(tally)], dtype=np.int64))
