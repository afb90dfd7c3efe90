"""What a prediction cost, and what the most expensive member alone would have cost."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from turnout.inference.v1.manifest_pb2 import Cost, Participant

from services.models.registration import Price
from services.router.execution import frames


class Usage(NamedTuple):
    """What a member's last answer cost, and how many tokens it read and wrote; None where unknown."""

    cost: float | None
    tokens_in: int | None
    tokens_out: int | None


# By variant, in the order in which they answered.
Usages = Mapping[str, Usage]
Prices = Sequence[tuple[str, Price]]


def usages(participants: Iterable[Participant]) -> Usages:
    """Those of the members that answered, helpers left out."""
    found: dict[str, Usage] = {}
    for one in participants:
        if one.variant and (one.HasField("cost") or one.HasField("tokens_in")):
            found.pop(one.variant, None)
            found[one.variant] = Usage(
                one.cost.amount if one.HasField("cost") else None,
                one.tokens_in if one.HasField("tokens_in") else None,
                one.tokens_out if one.HasField("tokens_out") else None,
            )
    return found


def dearest(members: Prices, told: Usages) -> Cost | None:
    """What the most expensive of them would have cost, by its own usage. Whoever was not asked is taken to
    read and write as many tokens as the last that answered. None where that of anybody is unknown, or their
    currencies differ: another one may be the most expensive.

    >>> cheap, dear = Price(0.01, None, None, "USD"), Price(None, 0.001, 0.002, "USD")
    >>> dearest([("a", cheap), ("b", dear)], {"a": Usage(0.01, 100, 50)}).amount
    0.2
    >>> dearest([("a", cheap), ("b", dear)], {})
    """
    last = list(told.values())[-1] if told else Usage(None, None, None)
    costs = [_alone(price, told.get(name), last) for name, price in members]
    known = [cost for cost in costs if cost is not None]
    currencies = {price.currency for _, price in members}
    if len(known) < len(costs) or len(currencies) != 1:
        return None
    return Cost(amount=max(known), currency=currencies.pop())


def _alone(price: Price, own: Usage | None, last: Usage) -> float | None:
    if own is not None and own.cost is not None:
        return own.cost
    used = own or last
    return price.of(used.tokens_in, used.tokens_out)


def of_panel(costs: Sequence[tuple[float, str]], greatest: Cost | None) -> bytes:
    """A Manifest's costs where several were asked."""
    same = len({currency for _, currency in costs}) == 1
    total = Cost(amount=sum(amount for amount, _ in costs), currency=costs[0][1]) if same else None
    return frames.priced(total, greatest)


def of_attempts(costs: Sequence[tuple[float, str]]) -> bytes:
    """The known costs of attempts, summed, and the greatest of them; nothing where currencies differ.
    Shadows' are not among them: they end when the account is closed."""
    if len(costs) == 1:
        return _of_one(*costs[0])
    if len({currency for _, currency in costs}) != 1:
        return b""
    amounts, currency = [amount for amount, _ in costs], costs[0][1]
    return frames.priced(
        Cost(amount=sum(amounts), currency=currency), Cost(amount=max(amounts), currency=currency)
    )


@lru_cache(1024)
def _of_one(amount: float, currency: str) -> bytes:
    cost = Cost(amount=amount, currency=currency)
    return frames.priced(cost, cost)
