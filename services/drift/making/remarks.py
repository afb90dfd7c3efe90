"""What a reader of a baseline should know of its features."""

from collections.abc import Iterable, Iterator

from services.drift.baselines import Feature
from services.drift.cells import Grid
from services.drift.crowding import COARSE

# Of so many names among the rows, most of them another one: those of an id.
ID_NAMES, ID_SHARE = 100, 0.9
FEW_ROWS = 30
# The rest is a matter of the file, not of each column.
MOST_REMARKS = 50


def remarks(rows: int, features: Iterable[Feature]) -> tuple[str, ...]:
    """Sentences about a baseline of so many rows, a bounded number of them."""
    said = []
    if rows < FEW_ROWS:
        said.append(f"It has {rows} rows: with fewer than {FEW_ROWS} every analysis lacks data.")
    said += [one for feature in features for one in _of(feature)]
    more = len(said) - MOST_REMARKS
    return tuple(said[:MOST_REMARKS]) + ((f"And {more} remarks more.",) if more > 0 else ())


def _of(feature: Feature) -> Iterator[str]:
    frame, tally = feature.frame, feature.tally
    counts = frame.present(tally)
    present = int(counts.sum())
    if isinstance(frame, Grid):
        if frame.width > COARSE:
            yield (
                f"Feature {feature.name!r} has a cell of several values with {frame.width:.0%} of its "
                "values: what moves within it is not seen; a baseline of new rows has finer cells."
            )
        alone = int((counts > 0).sum()) == 1 and not frame.width
    else:
        alone = int((counts > 0).sum()) == 1 and not frame.overflowed
        kept = len(frame.names)
        if kept >= ID_NAMES and (kept >= ID_SHARE * present or (frame.overflowed and counts[:-1].max() <= 2)):
            yield f"Feature {feature.name!r} has another name in nearly every row, as ids have: leave it out."
    if alone:
        yield f"Feature {feature.name!r} has one value only: anything else will be called new."
