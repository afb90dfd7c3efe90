"""One classified row, serialized but for its numbers.

Filling a message field by field costs 2 µs and 1 µs more per class; a stencil costs 1 µs for all of them.
"""

import struct
from collections.abc import Sequence

from turnout.inference.v1.output_pb2 import Classification, LabelProbability, Output

from services.models.framing import delimited, header

# A double is eight bytes after this tag (wire type 1).
_PROBABILITY = bytes([LabelProbability.PROBABILITY_FIELD_NUMBER << 3 | 1])


class Stencil:
    """Outputs of one row over fixed labels."""

    def __init__(self, labels: Sequence[str]) -> None:
        named = [delimited(LabelProbability.LABEL_FIELD_NUMBER, label.encode()) for label in labels]
        heads = [
            header(Classification.PROBABILITIES_FIELD_NUMBER, len(name) + 9) + name + _PROBABILITY
            for name in named
        ]
        layout = struct.Struct("<" + "".join(f"{len(head)}sd" for head in heads))
        self._pack = layout.pack
        self._cells: list[bytes | float] = [part for head in heads for part in (head, 0.0)]
        self._fronts = {}
        for label in labels:
            winner = delimited(Classification.LABEL_FIELD_NUMBER, label.encode())
            length = len(winner) + layout.size
            self._fronts[label] = header(Output.CLASSIFICATION_FIELD_NUMBER, length) + winner

    def fill(self, winner: str, chances: Sequence[float]) -> bytes:
        """The serialized Output; `chances` are in the order of the labels."""
        # A copy of the list and one slice assignment beat zipping heads and numbers by half.
        cells = self._cells.copy()
        cells[1::2] = chances
        return self._fronts[winner] + self._pack(*cells)
