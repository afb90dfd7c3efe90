"""Detectors of a change in a stream of losses: errors, or rewards turned round. Values lie in [0, 1], less is
better, in the order of the predictions that they belong to.

Each file exports `start(settings)`, the state before any value, and `fold(state, values)`, the state after
them and where an alarm was raised. States are plain values: a fold in pieces gives what a fold at once gives,
and a state can be stored between, as the numbers that `pack` makes of it and `unpack` takes. After an alarm a
detector starts anew. `level(state)` is what it weighs, and the threshold at which it raises an alarm.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from services.drift.detectors import adwin, page_hinkley, shiryaev_roberts
from services.drift.detectors.alarms import Folded, Level, Settings

Start = Callable[[Settings], Any]
Fold = Callable[[Any, Sequence[float]], Folded]


class Detector(NamedTuple):
    """What a file of the room exports."""

    start: Start
    fold: Fold
    level: Callable[[Any], Level]
    pack: Callable[[Any], list[float]]
    unpack: Callable[[Sequence[float]], Any]


def _of(file: Any) -> Detector:
    return Detector(file.start, file.fold, file.level, file.pack, file.unpack)


DETECTORS: Mapping[str, Detector] = {
    "shiryaev_roberts": _of(shiryaev_roberts),
    "adwin": _of(adwin),
    "page_hinkley": _of(page_hinkley),
}

__all__ = ["DETECTORS", "Detector", "Fold", "Folded", "Settings", "Start"]
