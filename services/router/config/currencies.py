"""Amounts of several currencies say nothing of each other: what compares costs is refused where they mix."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.router.config.problems import Problems

COST = "cost"
PRICES = ("per_call", "input_per_1k_tokens", "output_per_1k_tokens")


def check(router: Router, declared: Mapping[str, Model], problems: Problems) -> None:
    """The strategies that compare costs, the router's own and those of policies. `declared` are the models
    that are known in full, by their spelling."""
    for field, name, given, among in _strategies(router):
        blamed = _compares(name, given)
        prices = _priced(router, declared, among) if blamed is not None else {}
        if len(set(prices.values())) > 1:
            told = ", ".join(f"{model} in {currency}" for model, currency in [*prices.items()][:5])
            problems.add(f"{field}{blamed}", f"compares costs, which needs one currency; got {told}")


def _strategies(router: Router) -> Iterator[tuple[str, str, Any, Collection[str]]]:
    """Where each strategy is, its name and message, and the ids that it chooses from; empty for all."""
    name = router.WhichOneof("strategy") or "weighted"
    yield f"router.{name}", name, getattr(router, name), ()
    for place, policy in enumerate(router.policies):
        if (of_policy := policy.strategy.WhichOneof("strategy")) is not None:
            field, given = (
                f"router.policies[{place}].strategy.{of_policy}",
                getattr(policy.strategy, of_policy),
            )
            yield field, of_policy, given, policy.strategy.variants


def _compares(name: str, given: Any) -> str | None:
    """The part of a strategy that compares costs of models, empty for all of it; None where nothing does."""
    if name == "cost_aware":
        return ""
    if name == "best_metric" and given.metric == COST:
        return ".metric"
    bounds = given.thresholds if name == "best_metric" else ()
    return next((f".thresholds[{place}]" for place, one in enumerate(bounds) if one.metric == COST), None)


def _priced(router: Router, declared: Mapping[str, Model], among: Collection[str]) -> dict[str, str]:
    """The currencies of the models that cost something, by the spelling of the model."""
    chosen = [one.model for one in router.variants if one.enabled and (not among or one.id in among)]
    models = {name: declared[name] for name in chosen if name in declared}
    return {
        name: model.cost.currency
        for name, model in models.items()
        if any(getattr(model.cost, price) for price in PRICES)
    }
