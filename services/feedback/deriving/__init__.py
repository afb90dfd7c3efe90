"""How truth becomes a metric: by name, the value of what a variant answered, once the truth is known."""

from collections.abc import Callable, Mapping

from services.feedback.deriving import absolute_error, accuracy, f1, log_loss, squared_error
from services.feedback.deriving.seen import Seen, Value

Derivation = Callable[[Seen, Value], float | None]

DERIVATIONS: Mapping[str, Derivation] = {
    "accuracy": accuracy.measure,
    "log_loss": log_loss.measure,
    "absolute_error": absolute_error.measure,
    "squared_error": squared_error.measure,
    "f1": f1.measure,
}
