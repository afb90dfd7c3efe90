"""What a model's performance is told in."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from turnout.drift.v1.performance_pb2 import Estimate, PerformancePoint

Read = Callable[[PerformancePoint], Estimate]


class Figure(NamedTuple):
    """A column of the table: its heading, and where it stands in a point, together with what it rests on."""

    name: str
    rests_on: str
    read: Read


# The first that a model has is the one that its trend is drawn of.
FIGURES: Sequence[Figure] = (
    Figure("accuracy", "labels", lambda point: point.accuracy),
    Figure("RMSE", "numbers", lambda point: point.rmse),
    Figure("MAE", "numbers", lambda point: point.mae),
    Figure("F1", "labels", lambda point: point.macro.f1),
    Figure("precision", "labels", lambda point: point.macro.precision),
    Figure("recall", "labels", lambda point: point.macro.recall),
    Figure("log-loss", "scored", lambda point: point.log_loss),
)


def shown(points: Sequence[PerformancePoint]) -> list[Figure]:
    """The figures that any of the points has something for."""
    return [one for one in FIGURES if any(getattr(point, one.rests_on) for point in points)]


def value(point: PerformancePoint, figure: Figure) -> float | None:
    """A figure of a point; None where it rests on nothing."""
    return figure.read(point).value if getattr(point, figure.rests_on) else None
