"""What a model is held to: its OutlierDetection, with times in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Defaults are those of the contract. `timeout` is the model's own: the longest that a call may take."""

    enabled: bool = True
    consecutive_failures: int = 5
    min_success_rate: float = 0.5
    max_latency_factor: float = 0.0
    min_requests: int = 50
    interval: float = 10.0
    base_ejection: float = 30.0
    max_ejection: float = 300.0
    timeout: float = 30.0
