"""Tallies of panels as they are stored."""

from collections.abc import Sequence

import numpy as np
from google.protobuf.message import Message
from turnout.aggregator.v1.panels_pb2 import PanelTally

from services.aggregator.answers import Floats
from services.aggregator.divergence.tally import Counts, OfAll, OfMember, OfPair, Tally, lower
from services.state import formats

# Fields are named as the sums are.
PAIR = [one.name.lower() for one in OfPair]
MEMBER = [one.name.lower() for one in OfMember]
WHOLE = [one.name.lower() for one in OfAll]
SUMS = frozenset(("difference", "distance", "cost", "saving"))


def write_tally(tally: Tally) -> PanelTally:
    """Everything that it holds."""
    told = PanelTally(format=formats.PANELS, currency=tally.currency)
    _set(told, WHOLE, tally.whole)
    for place, name in enumerate(tally.names):
        _set(told.members.add(variant=name), MEMBER, tally.members[:, place])
    columns = tally.pairs[:, *lower(len(tally.names))]
    for name, column in zip(PAIR, columns, strict=True):
        # A column of zeros is as good as none: most panels have labels, or numbers, or embeddings.
        if column.any():
            values = column if name in SUMS else column.astype(np.int64)
            getattr(told.pairs, name).extend(values.tolist())
    return told


def read_tally(told: PanelTally) -> Counts:
    """The same as counts that can be added."""
    found = Counts.of(*(member.variant for member in told.members))
    found.whole[:] = [getattr(told, name) for name in WHOLE]
    for place, member in enumerate(told.members):
        found.members[:, place] = [getattr(member, name) for name in MEMBER]
    first, second = lower(len(found.names))
    for place, name in enumerate(PAIR):
        column: Sequence[float] = getattr(told.pairs, name)
        if len(column) == len(first):
            found.pairs[place, first, second] = found.pairs[place, second, first] = column
    return Counts(found.names, found.members, found.pairs, found.whole, told.currency)


def _set(told: Message, names: Sequence[str], values: Floats) -> None:
    for name, value in zip(names, values, strict=True):
        setattr(told, name, float(value) if name in SUMS else int(value))
