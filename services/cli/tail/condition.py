"""Which predictions somebody wants to see: CEL of what a line tells."""

from collections.abc import Callable, Mapping
from typing import Any

from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.manifest_pb2 import DecisionMode

from services.cli.told.answers import plainly
from services.foundation.expressions import Expression, NotEvaluated

NAMES: Mapping[str, Callable[[PredictionEvent], Any]] = {
    "router": lambda event: event.manifest.router.removeprefix("routers/"),
    "variant": lambda event: event.manifest.decision.variant,
    "model": lambda event: event.manifest.decision.model.removeprefix("models/"),
    "models": lambda event: [one.model.removeprefix("models/") for one in event.manifest.participants],
    "policy": lambda event: event.manifest.decision.policy,
    "mode": lambda event: (
        DecisionMode.Name(event.manifest.decision.mode).removeprefix("DECISION_MODE_").lower()
    ),
    "propensity": lambda event: event.manifest.decision.propensity,
    "answer": lambda event: plainly(event.output),
    "latency_ms": lambda event: event.manifest.total_latency.ToNanoseconds() / 1e6,
    "cost": lambda event: event.manifest.total_cost.amount,
    "failed": lambda event: bool(event.error_code),
    "degraded": lambda event: event.manifest.degraded,
    "error": lambda event: event.error_code,
    "entity_id": lambda event: event.entity_id,
    "external_id": lambda event: event.external_id,
    "attributes": lambda event: dict(event.attributes),
    "features": lambda event: {**event.features.numeric_features, **event.features.categorical_features},
    "rows": lambda event: event.rows,
    "generation": lambda event: event.manifest.generation,
}


class Condition:
    """A condition on predictions. Raises BadExpression for a text that is none."""

    def __init__(self, text: str) -> None:
        self._expression = Expression(text, NAMES)

    def holds(self, event: PredictionEvent) -> bool:
        """Whether it is true; what has no value is not (a feature that a prediction lacks)."""
        try:
            return (
                self._expression.value({name: NAMES[name](event) for name in self._expression.variables})
                is True
            )
        except NotEvaluated:
            return False
