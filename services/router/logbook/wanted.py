"""Which predictions are wanted: by variant, by how they ended, and by entity."""

from typing import NamedTuple

from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1.router_service_pb2 import (
    PREDICTION_OUTCOME_DEGRADED,
    PREDICTION_OUTCOME_FAILED,
    PREDICTION_OUTCOME_SERVED,
    PREDICTION_OUTCOME_UNSPECIFIED,
    PredictionOutcome,
)

from services.foundation.errors import InvalidArgument


class UnknownFilter(InvalidArgument):
    """A filter of a value that this version does not know, or that nothing could pass."""


def outcome_of(event: PredictionEvent) -> PredictionOutcome:
    """How a prediction ended: a degraded one was answered, and not as it was wanted."""
    if event.error_code:
        return PREDICTION_OUTCOME_FAILED
    return PREDICTION_OUTCOME_DEGRADED if event.manifest.degraded else PREDICTION_OUTCOME_SERVED


class Wanted(NamedTuple):
    """Filters; what is empty lets everything through."""

    variant: str = ""
    outcome: PredictionOutcome = PREDICTION_OUTCOME_UNSPECIFIED
    entity_id: str = ""

    def passes(self, event: PredictionEvent) -> bool:
        """Whether a prediction passes."""
        if self.variant and event.manifest.decision.variant != self.variant:
            return False
        if self.entity_id and event.entity_id != self.entity_id:
            return False
        return not self.outcome or outcome_of(event) == self.outcome


def known(value: int, enum: type, field: str) -> None:
    """Raise UnknownFilter for a number that the enum does not have."""
    names = dict(enum.items())  # type: ignore[attr-defined]
    if value not in names.values():
        said = f"one of {', '.join(names)} expected, got {value}"
        raise UnknownFilter(f"{field}: {said}", fields=[(field, said)])
