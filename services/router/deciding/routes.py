"""Routes of one router, made from terms: with the reasons that their decisions give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from turnout.inference.v1.manifest_pb2 import DecisionMode
from turnout.router.v1.router_pb2 import Router

from services.models.handle import ModelHandle
from services.router.config.choosers import HALF_LIFE_SECONDS
from services.router.config.mentions import variant_named
from services.router.deciding.contexts import Contexts
from services.router.deciding.draw import Counter, Wheel
from services.router.deciding.latencies import Latencies
from services.router.deciding.masking import Masking
from services.router.deciding.moments import Growing, Loads, Observe, Observing, Speeds, Texts, settled_route
from services.router.deciding.plan import Route
from services.router.deciding.shares import MEASURING, NAMING, Known, Shares, Terms, shares
from services.router.deciding.sheets import STRATEGY, Header, Saying
from services.router.deciding.terms import fixed
from services.router.strategies.best_metric import unmet
from services.router.strategies.state import Measured, cost_of


class One(NamedTuple):
    """What a route to one variant is made of."""

    terms: Terms
    shares: Shares
    wheel: Wheel
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Routes:
    """Makes them. handles are in the order of the variants; turns has the counters of those who take turns,
    by policy: a plan and the one that serves beside it share them."""

    router: Router
    header: Header
    seen: Masking
    known: Known
    handles: Sequence[ModelHandle]
    latencies: Latencies
    turns: dict[str, Counter]
    new_counter: Any
    scores: Mapping[str, float] = field(default_factory=dict)
    contexts: Contexts | None = None
    _ones: dict[str, One] = field(default_factory=dict)

    def make(self, terms: Terms, given: Any, policy: str = "", mode: DecisionMode = STRATEGY) -> Route | None:
        """The route of these terms; `given` is the strategy's message. None if nobody may ever be chosen."""
        saying = self.saying(terms, policy, mode)
        found = shares(terms, self.known)
        observe = self._observe(terms, given)
        if observe is not None:
            if not any(terms.may()) and not any(found.allocation):
                return None
            live = Observing(terms, self.known, saying, observe)
            return Route(terms.strategy, Wheel(found.allocation), _nothing, policy=policy, live=live)
        counter = self._counter(policy) if terms.strategy == "round_robin" else None
        route = settled_route(terms, self.known, saying, counter)
        if route is None or terms.growth is None:
            return route
        growing = Growing(terms, self.known, saying, counter, terms.growth)
        return Route(terms.strategy, route.wheel, route.sheet, policy=policy, live=growing)

    def one(self, named: str, policy: str, mode: DecisionMode) -> Route | None:
        """The route of a rule to one variant; None if that is disabled. Whatever rules name it share what is
        costly: neither a ramp nor bounds change who has everything."""
        if named not in self._ones:
            terms = fixed(self.router, named)
            found = shares(terms, self.known)
            self._ones[named] = One(terms, found, Wheel(found.allocation), self._reasons(terms))
        terms, found, wheel, reasons = self._ones[named]
        if not wheel:
            return None
        saying = Saying(self.header, mode, terms.strategy, policy, reasons=reasons, note=self.seen.note)
        return Route(terms.strategy, wheel, saying.drawn(found), policy=policy)

    def saying(self, terms: Terms, policy: str, mode: DecisionMode) -> Saying:
        """What its decisions say."""
        return Saying(
            self.header,
            mode,
            terms.strategy,
            policy,
            reasons=self._reasons(terms),
            scores=self._scores(terms),
            note=self.seen.note,
        )

    def _reasons(self, terms: Terms) -> dict[str, str]:
        said = dict(self.seen.reasons)
        places = zip(terms.variants, terms.weights, terms.enabled, strict=True)
        for variant, weight, enabled in places:
            if not enabled:
                continue
            if terms.among is not None and variant not in terms.among:
                said[variant] = "not in the policy's subset"
            elif terms.strategy not in NAMING and weight == 0:
                said[variant] = "its weight is 0"
            elif terms.strategy in MEASURING and (lacks := self._unmet(variant, terms)):
                said.setdefault(variant, lacks)
        return said

    def _unmet(self, variant: str, terms: Terms) -> str:
        parameters = dict(terms.parameters)
        measured: Mapping[str, Measured] = self.known.measured.get(variant, {})
        if terms.strategy != "cost_aware":
            return unmet(measured, parameters)
        parameters["min_value"] = parameters["min_quality"]
        lacks = [
            unmet(measured, parameters),
            "" if cost_of(measured) is not None else "its cost is not known",
        ]
        return " and ".join(filter(None, lacks))

    def _scores(self, terms: Terms) -> dict[str, float]:
        if terms.strategy == "bandit":
            return dict(self.scores)
        if terms.strategy not in MEASURING:
            return {}
        if terms.strategy == "cost_aware":
            costs = {variant: cost_of(told) for variant, told in self.known.measured.items()}
            return {variant: cost for variant, cost in costs.items() if cost is not None}
        metric = str(terms.parameters["metric"])
        return {
            variant: told[metric].value for variant, told in self.known.measured.items() if metric in told
        }

    def _counter(self, policy: str) -> Counter:
        if policy not in self.turns:
            self.turns[policy] = self.new_counter()
        return self.turns[policy]

    def _observe(self, terms: Terms, given: Any) -> Observe | None:
        able = dict(zip(terms.variants, terms.may(), strict=True))
        handles = [
            (variant, handle)
            for variant, handle in zip(terms.variants, self.handles, strict=True)
            if able[variant]
        ]
        match terms.strategy:
            case "least_loaded":
                return Loads(handles)
            case "latency_based":
                half_life = given.half_life.ToNanoseconds() / 1e9 or HALF_LIFE_SECONDS
                return Speeds(handles, self.latencies, half_life)
            case "bandit":
                return self.contexts
            case "complexity":
                specialists = [
                    (variant_named(self.router, one.variant) or one.variant, frozenset(one.words))
                    for one in given.specialists
                ]
                return Texts(specialists)
        return None


def _nothing(_place: int) -> Any:
    # The route of the moment says it.
    raise AssertionError
