"""What a record shows of one row: all that a metric can be derived from, but the truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

# A label or a text, a number, or a structure.
Value: TypeAlias = str | float | dict[str, Any] | list[Any] | bool | None


@dataclass(frozen=True, slots=True)
class Seen:
    """Of the drawn variant and one row: its answer (None where it gave none, or none that is logged), the
    probability of each label where it gave them, what its call took in milliseconds and cost in the model's
    currency (None where that is unknown), and what the router logs of the request."""

    row: int = 0
    answer: Value = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    latency_ms: float | None = None
    cost: float | None = None
    features: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)

    def names(self, truth: Value = None) -> dict[str, Any]:
        """By the names that expressions know; what is not known is not there."""
        given = {name: getattr(self, name) for name in self.__slots__} | {"truth": truth}
        return {name: value for name, value in given.items() if value is not None}
