"""Sums over buckets, and the row that they make."""

from collections import Counter
from dataclasses import dataclass, field

from turnout.feedback.v1.traffic_pb2 import TrafficGroup
from turnout.router.v1.router_service_pb2 import RouterMetrics

from services.state.claims import UNITS
from services.state.latency import quantile
from services.state.outcomes import LABEL, REWARD, Cell, Sum

PERCENTILES = (("latency_p50_ms", 0.5), ("latency_p95_ms", 0.95), ("latency_p99_ms", 0.99))


@dataclass(slots=True)
class Tally:
    """What came of some predictions. reward_sum: in the unit of the router's reward metric. labels: rows with
    truth; compared: those whose truth and answer are labels."""

    requests: int = 0
    errors: int = 0
    rescued: int = 0
    cells: Counter[int] = field(default_factory=Counter)
    latency_us: int = 0
    cost: Counter[str] = field(default_factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0
    rewards: int = 0
    reward_sum: float = 0.0
    labels: int = 0
    compared: int = 0
    right: int = 0
    qualities: Counter[str] = field(default_factory=Counter)

    def add(self, group: TrafficGroup) -> None:
        """Count what feedback has counted in a bucket."""
        self.requests += group.requests
        self.errors += group.errors
        self.rescued += group.rescued
        self.cells.update(group.latency_cells)
        self.latency_us += group.latency_us
        for currency, amount in group.cost.items():
            self.cost[currency] += amount  # type: ignore[assignment]  # a Counter of money
        self.tokens_in += group.tokens_in
        self.tokens_out += group.tokens_out

    def credit(self, cell: Cell, total: Sum) -> None:
        """Count rewards, or rows with truth."""
        if cell.kind == REWARD:
            self.rewards += total.n
            # Shares of different ranges do not add up; values do.
            self.reward_sum += total.n * cell.low + total.units / UNITS * (cell.high - cell.low)
            return
        self.labels += total.n
        if cell.kind == LABEL:
            self.compared += total.n
            self.right += total.units // UNITS

    def row(self, of: int) -> RouterMetrics:
        """The row; its share is that of `of` predictions."""
        made = RouterMetrics(
            requests=self.requests,
            share=self.requests / of if of else 0.0,
            errors=self.errors,
            error_rate=self.errors / self.requests if self.requests else None,
            rescued=self.rescued,
            latency_mean_ms=self.latency_us / self.requests / 1000 if self.requests else None,
            rewards=self.rewards,
            reward_mean=self.reward_sum / self.rewards if self.rewards else None,
            labels=self.labels,
            accuracy=self.right / self.compared if self.compared else None,
            cost=self.cost,
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
        )
        for name, share in PERCENTILES:
            value = quantile(self.cells, share)
            if value is not None:
                setattr(made, name, value)
        return made
