"""Detectors of a change in a stream of losses: errors, or rewards turned round. Values lie in [0, 1], less is
better, in the order of the predictions that they belong to.

Each file exports `start(settings)`, the state before any value, and `fold(state, values)`, the state after
them and where an alarm was raised. States are plain values: a fold in pieces gives what a fold at once gives,
and a state can be stored between. After an alarm a detector starts anew.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.drift.detectors import adwin, page_hinkley, shiryaev_roberts
from services.drift.detectors.alarms import Folded, Settings

Start = Callable[[Settings], Any]
Fold = Callable[[Any, Sequence[float]], Folded]

DETECTORS: Mapping[str, tuple[Start, Fold]] = {
    "shiryaev_roberts": (shiryaev_roberts.start, shiryaev_roberts.fold),
    "adwin": (adwin.start, adwin.fold),
    "page_hinkley": (page_hinkley.start, page_hinkley.fold),
}

__all__ = ["DETECTORS", "Fold", "Folded", "Settings", "Start"]
