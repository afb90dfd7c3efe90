"""Policies and feature rules, each with the route that it chooses."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from turnout.router.v1.router_pb2 import Router

from services.router.conditions import Given, Kind, Rule, Rules, Schema
from services.router.conditions.view import Measures
from services.router.conditions.wire import feature_rules_of, policies_of
from services.router.deciding.plan import Route, Ruling
from services.router.deciding.segments import Segments, segments_of


class Written(NamedTuple):
    """A router's rules as they were compiled from its configuration: costly, and the same whatever is
    measured or healthy."""

    schema: Schema
    policies: Rules
    features: Rules
    segments: Segments | None


class Compiled:
    """The rules of routers, by uid: compiled once for each generation, and again where models declare other
    features."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, Written]] = {}

    def of(self, router: Router, schema: Schema) -> Written:
        """The rules of a router. Raises BadCondition."""
        generation, held = self._held.get(router.uid, (-1, None))
        if held is not None and generation == router.generation and held.schema == schema:
            return held
        former = held.segments if held is not None else None
        made = Written(
            schema,
            policies_of(router, schema),
            feature_rules_of(router, schema),
            segments_of(router, schema, former),
        )
        self._held[router.uid] = router.generation, made
        return made

    def forget(self, uid: str) -> None:
        """The router is gone."""
        self._held.pop(uid, None)


def ruling_of(
    written: Written,
    routes: Callable[[Rule, bool], Route | None],
    metrics: Callable[[str], Measures | None],
    drift: Callable[[str], str | None],
) -> tuple[Ruling | None, Sequence[str]]:
    """The rules with their routes, policies before feature rules; None if there are none. And remarks on
    those that are passed over, because whom they name is disabled.

    `routes` makes the route of a rule, told whether it is a policy.
    """
    rules: list[Rule] = []
    made: list[Route | None] = []
    remarks = []
    for ruled, policies in ((written.policies, True), (written.features, False)):
        for rule in ruled.rules:
            route = routes(rule, policies)
            if route is None:
                remarks.append(f"{rule.name} is passed over: nobody whom it names is enabled")
                continue
            rules.append(Rule(rule.name, len(made), rule.condition, len(made)))
            made.append(route)
    if not rules:
        return None, remarks
    numeric = frozenset(name for name, kind in written.schema.features.items() if kind is Kind.NUMBER)
    # What depends on no request is decided now: a change of what is measured makes another plan.
    settled = Rules(rules).settled(Given(metrics=metrics, drift=drift))
    return Ruling(settled, made, written.schema, numeric, metrics, drift), remarks


def models_read(written: Written) -> frozenset[str]:
    """Models whose metrics or drift the rules read, as models/{id} or an alias."""
    rules = (*written.policies.rules, *written.features.rules)
    return frozenset[str]().union(*(rule.condition.models() for rule in rules))
