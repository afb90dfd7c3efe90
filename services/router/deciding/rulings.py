"""Policies and feature rules, each with the route that it chooses."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from turnout.router.v1.router_pb2 import Router

from services.router.conditions import Given, Kind, Rule, Rules, Schema
from services.router.conditions.view import Measures
from services.router.conditions.wire import compiling, feature_rules_of, policies_of
from services.router.deciding.plan import Route, Ruling
from services.router.deciding.segments import Segments, segments_of

# Why a rule is passed over.
IDLE = "nobody whom it names may be chosen"


class Written(NamedTuple):
    """A router's rules as they were compiled from one generation of its configuration: the same whatever is
    measured or healthy."""

    schema: Schema
    policies: Rules
    features: Rules
    segments: Segments | None
    generation: int = 0


class Compiled:
    """The rules of routers, by uid: those of the latest generation are held, and with them every condition,
    so that another generation compiles only what is new in it. An earlier one, as explanations ask for, is
    made and not held."""

    def __init__(self) -> None:
        self._held: dict[str, Written] = {}

    def of(self, router: Router, schema: Schema) -> Written:
        """The rules of a router. Raises BadCondition."""
        held = self._held.get(router.uid)
        if held is not None and held.generation == router.generation and held.schema == schema:
            return held
        made = Written(
            schema,
            policies_of(router, schema),
            feature_rules_of(router, schema),
            segments_of(router, schema, held.segments if held is not None else None),
            router.generation,
        )
        if held is None or held.generation <= router.generation:
            self._held[router.uid] = made
        return made

    def ahead(self, router: Router, schema: Schema) -> Iterator[object]:
        """Make the rules of a router, for whoever has to rest in between: it stops after each condition that
        had to be compiled, and gives it to be held until the end."""
        if (yield from compiling(router, schema)):
            self.of(router, schema)

    def forget(self, uid: str) -> None:
        """The router is gone."""
        self._held.pop(uid, None)


def ruling_of(
    written: Written,
    routes: Callable[[Rule, bool], Route | None],
    metrics: Callable[[str], Measures | None],
    drift: Callable[[str], str | None],
) -> tuple[Ruling | None, Sequence[str]]:
    """The rules with their routes; None if there are none. And remarks on those that are passed over.

    `routes` makes the route of a rule, told whether it is a policy; None if nobody whom it names may be
    chosen.
    """
    made: list[Route | None] = []

    def leads(rule: Rule, policy: bool) -> bool:
        made.append(routes(rule, policy))
        return made[-1] is not None

    asked = asked_of(written, leads)
    remarks = [f"{rule.name} is passed over: {IDLE}" for rule in asked.rules if rule.idle]
    if not asked:
        return None, remarks
    numeric = numbers_of(written)
    # What depends on no request is decided now: a change of what is measured makes another plan.
    settled = asked.settled(Given(metrics=metrics, drift=drift))
    return Ruling(settled, made, written.schema, numeric, metrics, drift), remarks


def asked_of(written: Written, leads: Callable[[Rule, bool], bool]) -> Rules:
    """The rules in the order in which they are asked, policies before feature rules; `Rule.action` is the
    place. `leads` says of a rule, and whether it is a policy, that somebody whom it names may be chosen."""
    ruled = [(rule, True) for rule in written.policies.rules]
    ruled += [(rule, False) for rule in written.features.rules]
    return Rules(
        Rule(rule.name, place, rule.condition, place, idle=not leads(rule, policy))
        for place, (rule, policy) in enumerate(ruled)
    )


def numbers_of(written: Written) -> frozenset[str]:
    """Features that true and false may fill in a row."""
    return frozenset(name for name, kind in written.schema.features.items() if kind is Kind.NUMBER)


def models_read(written: Written) -> frozenset[str]:
    """Models whose metrics or drift the rules read, as models/{id} or an alias."""
    rules = (*written.policies.rules, *written.features.rules)
    return frozenset[str]().union(*(rule.condition.models() for rule in rules))
