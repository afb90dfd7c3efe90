"""Classification: labels and probabilities out of a reply, in the router's own words."""

import math
from collections.abc import Mapping, Sequence

from turnout.inference.v1.output_pb2 import Classification, ClassifiedRow, Output

from services.models.answer import Reply, Row, malformed
from services.models.elements import Tensors
from services.models.stencil import Stencil

# Half-precision probabilities of many classes miss 1 by about a thousandth; more is not a distribution.
SUM_TOLERANCE = 0.01


class ClassReader:
    """Reads classes. `label` and `probabilities` name tensors; `classes` are the model's own, in the order of
    its probabilities, the last of two being the positive one. `threshold` decides between two where it is
    set; otherwise the model's own label counts, else the likeliest class."""

    def __init__(
        self,
        *,
        label: str,
        probabilities: str,
        classes: Sequence[str],
        label_map: Mapping[str, str],
        threshold: float | None,
    ) -> None:
        # A threshold overrules the model's own label, so that label need not be read.
        self._label = "" if probabilities and threshold is not None else label
        self._probabilities = probabilities
        self._classes = tuple(classes)
        self._label_map = label_map
        self._labels = tuple(label_map.get(name, name) for name in classes)
        self._threshold = 0.5 if threshold is None else threshold
        self._stencil = Stencil(self._labels)

    def read(self, tensors: Tensors) -> Reply:
        """Raises CallFailed when the reply is not what the registration says."""
        chances = self._chances(tensors) if self._probabilities else ()
        if len(chances) == 1 and not self._label:
            row, labels = chances[0], self._labels
            winner = self._winner(row)
            encoded = self._stencil.fill(labels[winner], row)
            return Reply(encoded, min(1.0, max(row)), row=Row(labels, winner, row))
        if self._label:
            named = [self._name(value) for value in self._own_labels(tensors)]
        else:
            named = [self._labels[self._winner(row)] for row in chances]
        if chances:
            encoded = self._stencil.fill(named[0], chances[0])
        else:
            encoded = Output(classification=Classification(label=named[0])).SerializeToString()
        if len(named) > 1:
            encoded += _rows(named, chances)
        return Reply(encoded, _mean_of_highest(chances) if chances else None)

    def _winner(self, chances: Sequence[float]) -> int:
        if len(chances) == 2:
            return int(chances[1] >= self._threshold)
        return max(range(len(chances)), key=chances.__getitem__)

    def _chances(self, tensors: Tensors) -> Sequence[Sequence[float]]:
        """Probabilities of each row, in the order of the classes."""
        values, width, datatype = tensors(self._probabilities)
        if datatype not in ("FP64", "FP32", "FP16"):
            raise malformed(f"probabilities are numbers of type FP, not {datatype}")
        rows: Sequence[Sequence[float]]
        if width == len(self._classes) == len(values):
            rows = [tuple(values)]
        elif width == len(self._classes):
            rows = [values[start : start + width] for start in range(0, len(values), width)]
        elif width == 1 and len(self._classes) == 2:
            rows = [(1.0 - positive, positive) for positive in values]
        else:
            raise malformed(f"{width} probabilities a row for {len(self._classes)} classes")
        for row in rows:
            # Written so that NaN fails.
            if not (-SUM_TOLERANCE <= sum(row) - 1 <= SUM_TOLERANCE and min(row) >= 0):
                raise malformed(f"probabilities {[round(chance, 4) for chance in row[:10]]}")
        return rows

    def _own_labels(self, tensors: Tensors) -> Sequence[object]:
        values, width, _ = tensors(self._label)
        if width != 1:
            raise malformed(f"tensor '{self._label}' has {width} labels a row")
        return values

    def _name(self, value: object) -> str:
        """The router's word for a label as the model sent it: a name, or an index into its classes."""
        if isinstance(value, bytes):
            name = value.decode(errors="replace")
            if self._classes and name not in self._classes:
                raise malformed(f"the label '{name[:40]}' is none of {list(self._classes[:10])}")
            return self._label_map.get(name, name)
        # Some servers send indices as floats.
        index = int(value) if math.isfinite(value) else -1  # type: ignore[call-overload, arg-type]
        if index != value or index < 0:
            raise malformed(f"the label {value} is no class")
        if not self._classes:
            return self._label_map.get(str(index), str(index))
        if index >= len(self._classes):
            raise malformed(f"the label {index} is no index into {len(self._classes)} classes")
        return self._labels[index]


def _rows(labels: Sequence[str], chances: Sequence[Sequence[float]]) -> bytes:
    """What a batch adds to the first row's output: behind it, its bytes merge with it."""
    rows = [
        ClassifiedRow(label=label, probabilities=chances[row] if chances else ())
        for row, label in enumerate(labels)
    ]
    return Output(classification=Classification(rows=rows)).SerializeToString()


def _mean_of_highest(chances: Sequence[Sequence[float]]) -> float:
    """Confidence of an answer: the highest probability, averaged over rows."""
    return min(1.0, sum(map(max, chances)) / len(chances))
