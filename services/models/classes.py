"""Classification: labels and probabilities out of a reply, in the router's own words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from turnout.inference.v1.output_pb2 import ClassifiedRow, Output

from services.models.answer import Reply, malformed
from services.models.elements import Tensors

# Half-precision probabilities of many classes miss 1 by about a thousandth; more is not a distribution.
SUM_TOLERANCE = 0.01


@dataclass(frozen=True)
class ClassReader:
    """Reads classes. `labels` are the router's words for the model's classes, in the order of its
    probabilities; the last of two is the positive one. `threshold` decides between two where it is set;
    otherwise the model's own label counts, or the likeliest class."""

    label: str
    probabilities: str
    classes: tuple[str, ...]
    labels: tuple[str, ...]
    label_map: dict[str, str]
    threshold: float | None

    def read(self, tensors: Tensors) -> Reply:
        """Raises CallFailed when the reply is not what the registration says."""
        chances = self._chances(tensors) if self.probabilities else []
        if self.label and (self.threshold is None or not chances):
            labels = [self._name(value) for value in self._own_labels(tensors)]
        else:
            labels = [self.labels[self._winner(row)] for row in chances]
        return Reply(self._message(labels, chances), _mean_of_highest(chances))

    def _message(self, labels: Sequence[str], chances: Sequence[Sequence[float]]) -> Output:
        output = Output()
        classification = output.classification
        classification.label = labels[0]
        if chances:
            # add() fills a message in place; a list of messages would be copied.
            add = classification.probabilities.add
            for label, chance in zip(self.labels, chances[0], strict=True):
                add(label=label, probability=chance)
        if len(labels) > 1:
            classification.rows.extend(
                ClassifiedRow(label=label, probabilities=chances[row] if chances else ())
                for row, label in enumerate(labels)
            )
        return output

    def _winner(self, chances: Sequence[float]) -> int:
        if len(chances) == 2:
            return int(chances[1] >= (0.5 if self.threshold is None else self.threshold))
        return max(range(len(chances)), key=chances.__getitem__)

    def _chances(self, tensors: Tensors) -> list[Sequence[float]]:
        """Probabilities of each row, in the order of the classes."""
        values, width, datatype = tensors(self.probabilities)
        if not datatype.startswith("FP"):
            raise malformed(f"probabilities are numbers of type FP, not {datatype}")
        if width == 1 and len(self.classes) == 2:
            split: list[Sequence[float]] = [(1.0 - positive, positive) for positive in values]
        elif width == len(self.classes):
            split = [values[start : start + width] for start in range(0, len(values), width)]
        else:
            raise malformed(f"{width} probabilities a row for {len(self.classes)} classes")
        for row in split:
            # Written so that NaN fails.
            if not (abs(math.fsum(row) - 1) <= SUM_TOLERANCE and min(row) >= 0):
                raise malformed(f"probabilities {[round(chance, 4) for chance in row[:10]]}")
        return split

    def _own_labels(self, tensors: Tensors) -> Sequence[object]:
        elements = tensors(self.label)
        if elements.width != 1:
            raise malformed(f"tensor '{self.label}' has {elements.width} labels a row")
        return elements.values

    def _name(self, value: object) -> str:
        """The router's word for a label as the model sent it: a name, or an index into its classes."""
        if isinstance(value, bytes):
            name = value.decode(errors="replace")
            if self.classes and name not in self.classes:
                raise malformed(f"the label '{name[:40]}' is none of {list(self.classes[:10])}")
            return self.label_map.get(name, name)
        index = float(value)  # type: ignore[arg-type]
        if not index.is_integer():
            raise malformed(f"the label {index} is no class")
        if not self.classes:
            return self.label_map.get(str(int(index)), str(int(index)))
        if not 0 <= index < len(self.classes):
            raise malformed(f"the label {index:g} is no index into {len(self.classes)} classes")
        return self.labels[int(index)]


def _mean_of_highest(chances: Sequence[Sequence[float]]) -> float | None:
    """Confidence of an answer: the highest probability, averaged over rows."""
    return min(1.0, math.fsum(map(max, chances)) / len(chances)) if chances else None
