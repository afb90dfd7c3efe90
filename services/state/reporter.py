"""Who reports on many predictions, or lists them: of each it is asked whether it is his to."""

from collections.abc import Callable
from dataclasses import dataclass

from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router


@dataclass(frozen=True, slots=True)
class Reporter:
    """A caller, from memory. may: whether he may do it to what made a prediction; sees, shown: whether he may
    know of a router or model, and of the one of that name."""

    may: Callable[[PredictionEvent], bool]
    sees: Callable[[Router | Model], bool]
    shown: Callable[[str], bool]

    def __call__(self, event: PredictionEvent) -> bool:
        return self.may(event)
