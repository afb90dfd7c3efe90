"""How long the slow answers of a model take: when a call is slow enough to be raced by a second one."""

import math
from array import array

KEPT = 256
# The 95th percentile of fewer samples is the greatest of them, and a hedge would hang on one bad moment.
LEAST_SAMPLES = 50
# Sorting costs 10 µs: once for so many answers.
SORTED_EVERY = 16
MOST_MODELS = 4096


class Tail:
    """The latest latencies of one model, in seconds."""

    __slots__ = ("_next", "_ordered", "_recent", "_since")

    def __init__(self) -> None:
        self._recent = array("d")
        self._next = 0
        self._since = 0
        self._ordered: list[float] = []

    def note(self, seconds: float) -> None:
        """A call took so long, or had not answered after so long."""
        if len(self._recent) < KEPT:
            self._recent.append(seconds)
        else:
            self._recent[self._next] = seconds
            self._next = (self._next + 1) % KEPT
        self._since += 1

    def quantile(self, share: float) -> float | None:
        """The least latency that `share` of the calls kept to; None before there are enough of them.

        >>> tail = Tail()
        >>> for ms in range(100): tail.note(ms / 1000)
        >>> tail.quantile(0.95)
        0.094
        """
        if len(self._recent) < LEAST_SAMPLES:
            return None
        if not self._ordered or self._since >= SORTED_EVERY:
            self._ordered, self._since = sorted(self._recent), 0
        return self._ordered[max(0, math.ceil(share * len(self._ordered)) - 1)]


class Tails:
    """The tails of the models that are hedged, by name; of too many, the one that came first goes.

    A call that was abandoned because it was slow must be noted as it then was: with only the answers in it,
    the quantile would fall with every hedge that wins, until everything is hedged. Above the quantile it does
    not matter by how much.
    """

    def __init__(self) -> None:
        self._by_model: dict[str, Tail] = {}

    def note(self, model: str, seconds: float) -> None:
        """A call of the model took, or had waited, so long."""
        tail = self._by_model.get(model)
        if tail is None:
            if len(self._by_model) >= MOST_MODELS:
                del self._by_model[next(iter(self._by_model))]
            tail = self._by_model[model] = Tail()
        tail.note(seconds)

    def delay(self, model: str, quantile: float, least: float) -> float | None:
        """Seconds after which a call of the model is raced; None while too little is known of it."""
        tail = self._by_model.get(model)
        found = tail.quantile(quantile) if tail is not None else None
        return None if found is None else max(found, least)

    def fastest(self, model: str) -> float:
        """Seconds of its fastest recent answer; 0 while too little is known."""
        tail = self._by_model.get(model)
        return (tail.quantile(0.0) or 0.0) if tail is not None else 0.0
