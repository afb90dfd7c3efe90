"""What one answer may cost, and has cost so far."""

from services.models.registration import Price

# Sums of prices that are equal on paper differ in their last digits.
ROUNDING = 1e-9


class Purse:
    """A limit in the currency of the first priced model that is asked. What calls in flight cost at least is
    set aside for them; costs in other currencies are not counted, and `stranger` names one that was met.
    `kept` is the price of somebody who must be asked afterwards, while others are."""

    __slots__ = ("_aside", "_limit", "currency", "kept", "spent", "stranger")

    def __init__(self, limit: float | None) -> None:
        self._limit = limit
        self._aside = 0.0
        self.kept: Price | None = None
        self.spent = 0.0
        self.currency = ""
        self.stranger = ""

    def refusal(self, price: Price) -> str | None:
        """Why a call is known to exceed the limit; None if it may be made. A price per token is known to be
        more than nothing, and no more than that, before the call."""
        if self._limit is None or not self._counts(price):
            return None
        least = price.per_call or 0.0
        kept = self.kept.per_call or 0.0 if self.kept and self.kept.currency == self.currency else 0.0
        room = self._limit - self.spent - self._aside - kept
        metered = bool(price.per_input or price.per_output)
        if least <= room + ROUNDING * self._limit and not (metered and room <= 0):
            return None
        gone = f"{self.spent + self._aside + kept:g} of {self._limit:g} {self.currency} are spent or promised"
        return f"max_cost: {gone}, and this call costs {'more than' if metered else 'at least'} {least:g}"

    @property
    def exceeded(self) -> str:
        """That more was spent than may be, which prices per token make possible; empty where it was not."""
        if self._limit is None or self.spent <= self._limit * (1 + ROUNDING):
            return ""
        told = f"max_cost: {self.spent:g} {self.currency} were spent, and {self._limit:g} is the limit"
        return f"{told}; what tokens cost is known when a call has ended"

    def promise(self, price: Price) -> None:
        """A call starts."""
        if self._limit is not None and self._counts(price):
            self._aside += price.per_call or 0.0

    def settle(self, price: Price, cost: float | None) -> None:
        """A call has ended, at this cost; None where it is unknown."""
        if self._limit is not None and self._counts(price):
            self._aside -= price.per_call or 0.0
            self.spent += cost or 0.0

    def _counts(self, price: Price) -> bool:
        if price.per_call is None and price.per_input is None and price.per_output is None:
            return False
        self.currency = self.currency or price.currency
        if price.currency != self.currency:
            self.stranger = price.currency
        return price.currency == self.currency
