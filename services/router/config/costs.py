"""What an answer costs at least, beside what it may: a limit that nobody can keep is refused."""

from collections.abc import Iterable, Sequence

from turnout.router.v1.model_pb2 import Model

from services.router.config.panels import ALL_ANSWER, IN_ORDER, Panel
from services.router.config.problems import Problems

# Sums of prices that are equal on paper differ in their last digits.
ROUNDING = 1e-9


def check_cost(panel: Panel, problems: Problems) -> None:
    """A `max_cost` below what the fewest calls that make an answer cost, by the prices per call."""
    limit = panel.given.max_cost
    if not panel.given.HasField("max_cost") or not limit > 0 or _currencies(panel) > 1:
        return
    members, who = _members(panel)
    helpers = [(one, _per_call(panel.models.get(one.helper.model))) for one in panel.helpers]
    least = members + sum(price for _, price in helpers)
    if least <= limit * (1 + ROUNDING):
        return
    parts = [f"{who} {members:g}"] if members else []
    parts += [f"the {one.role}, {one.helper.model}, {price:g}" for one, price in helpers if price]
    problems.add(f"{panel.field}.max_cost", f"at least {least:g}: {', '.join(parts)} per call; got {limit:g}")


def _members(panel: Panel) -> tuple[float, str]:
    """What the fewest members that can make an answer cost, and who they are in words."""
    prices = {one.id: _per_call(panel.models.get(one.model)) for one in panel.asked}
    if panel.pattern in IN_ORDER:
        return min(prices.values(), default=0.0), "the cheapest member costs"
    if panel.pattern not in ALL_ANSWER:
        steps = [one for one in panel.given.specialists.steps if not one.optional]
        return sum(prices.get(one.variant, 0.0) for one in steps), f"{len(steps)} steps cost"
    count = panel.given.quorum
    who = "the cheapest member costs" if count == 1 else f"the {count} cheapest members cost"
    return _sum_of_least(prices.values(), count), who


def _sum_of_least(prices: Iterable[float], count: int) -> float:
    fewest: Sequence[float] = sorted(prices)[: max(count, 0)]
    return sum(fewest)


def _per_call(model: Model | None) -> float:
    """What is known before a call; tokens are only known after it."""
    return model.cost.per_call if model is not None else 0.0


def _currencies(panel: Panel) -> int:
    names = [one.model for one in panel.members] + [one.helper.model for one in panel.helpers]
    models = [panel.models[name] for name in names if name in panel.models]
    return len({model.cost.currency for model in models if model.cost.per_call})
