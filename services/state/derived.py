"""Metrics whose values nobody reports: how each comes from a prediction's record and its truth.

The router refuses what these cannot be; feedback derives them.
"""

import math
from collections.abc import Mapping
from typing import Any

from services.foundation.expressions import BadExpression, Expression, NotEvaluated

# Of source TRUTH, by name; the errors have no end of their own.
ACCURACY, LOG_LOSS, ABSOLUTE, SQUARED, F1 = "accuracy", "log_loss", "absolute_error", "squared_error", "f1"
OF_TRUTH = (ACCURACY, LOG_LOSS, ABSOLUTE, SQUARED, F1)
LESS_IS_BETTER = frozenset({LOG_LOSS, ABSOLUTE, SQUARED})

# What an expression may speak of; `truth` only once it is known.
TRUTH = "truth"
NAMES = (TRUTH, "answer", "probabilities", "features", "attributes", "latency_ms", "cost", "row")
_RECORD: Mapping[str, Any] = {
    "features": {},
    "attributes": {},
    "latency_ms": 12.5,
    "cost": 0.25,
    "row": 0,
}
# What predictions and truths may look like: an expression that suits none of them is refused.
SAMPLES: tuple[Mapping[str, Any], ...] = (
    {"truth": "a", "answer": "a", "probabilities": {"a": 0.75, "b": 0.25}},
    {"truth": 1.5, "answer": 2.5, "probabilities": {}},
    {"truth": "a", "answer": 2.5, "probabilities": {}},
    {"truth": 1.5, "answer": "a", "probabilities": {"a": 0.75, "b": 0.25}},
    {"truth": {}, "answer": {}, "probabilities": {}},
)


class Formula:
    """The expression of a metric of source CEL: a number, or true (1) or false (0)."""

    def __init__(self, text: str) -> None:
        """Raises BadExpression, also for what never has a value."""
        if not text.strip():
            raise BadExpression(f"is needed: a number or a truth of {', '.join(NAMES)}")
        self._expression = Expression(text, NAMES)
        self.needs_truth = TRUTH in self._expression.variables
        self._try()

    def value(self, given: Mapping[str, Any]) -> float:
        """Its value. Raises NotEvaluated, also where that is no finite number."""
        found = self._expression.value(given)
        if isinstance(found, bool | int | float) and math.isfinite(found):
            return float(found)
        raise NotEvaluated(f"{self._expression.text}: a number, true or false expected, got {found!r:.40}")

    def _try(self) -> None:
        """Refuse what suits no kind of answer. One that asks for a feature cannot be tried."""
        wrong = ""
        for sample in SAMPLES:
            try:
                self.value({**_RECORD, **sample})
            except NotEvaluated as failed:
                wrong = str(failed)
            else:
                return
        if not self._expression.variables & {"features", "attributes", "probabilities"}:
            raise BadExpression(f"never has a value: {wrong[:200]}")
