"""What a proposed configuration would do with predictions of the past, as far as their log says."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import REDACTION_HASHED, REDACTION_NONE, Router
from turnout.router.v1.strategy_pb2 import BANDIT_ALGORITHM_LIN_UCB

from services.foundation.errors import InvalidArgument
from services.router.conditions import Rule, Rules
from services.router.conditions.requests import RequestView
from services.router.conditions.view import Measures
from services.router.conditions.wire import measures_of, schema_of
from services.router.deciding import terms as terms_room
from services.router.deciding.asking import asked_then
from services.router.deciding.compiling import rule_terms
from services.router.deciding.rulings import Compiled, Written, asked_of, numbers_of
from services.router.deciding.shares import Known, Terms, shares
from services.router.execution.redacting import INPUT
from services.router.health.view import EJECTED
from services.router.managing.aliases import read_as
from services.router.replay.ruling import lacking
from services.router.strategies.state import Measured

# Chosen by what no log has.
UNKNOWABLE = {
    "ensemble": "asks several models, so nothing is drawn",
    "least_loaded": "chooses by the load of the moment, which is not logged",
    "latency_based": "chooses by the latencies of the moment, which are not logged",
    "complexity": "reads the text of a request, which is not logged",
}
CONTEXTUAL = "chooses by what is learnt of the context of each request, which changes from request to request"


class NoPropensity(InvalidArgument):
    """A proposal whose probabilities cannot be known."""

    reason = "NO_PROPENSITY"


class Scored(NamedTuple):
    """The probability of each variant of the proposal, in its order; none, and why, where it is not known."""

    probabilities: Sequence[float]
    unknown: str = ""


class Present(NamedTuple):
    """What is known now, and taken to hold for the proposal: registered models and what is measured of them,
    by name; what the router has published of what it learnt."""

    models: Mapping[str, Model]
    metrics: Mapping[str, ModelMetrics]
    learnt: RewardSnapshot | None


@dataclass
class Proposal:
    """A configuration that nobody serves. router: valid, its aliases resolved. redacted: names that the log
    of the router does not have as they were."""

    router: Router
    present: Present
    redacted: Collection[str]
    _written: Written = field(init=False)
    _rules: Rules = field(init=False)
    _own: Terms = field(init=False)
    _ruled: list[Terms] = field(init=False)
    _named: Mapping[str, str] = field(init=False)
    _measured: Mapping[str, Mapping[str, Measured]] = field(init=False)
    # Most requests are alike in rule and health.
    _found: dict[tuple[int, tuple[bool, ...]], Scored] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises NoPropensity."""
        router = self.router
        self._written = Compiled().of(router, schema_of(router, self.present.models))
        written = [(rule, True) for rule in self._written.policies.rules]
        written += [(rule, False) for rule in self._written.features.rules]
        self._rules = asked_of(
            self._written, lambda rule, policy: terms_room.reaches(*rule_terms(router, rule, policy))
        )
        # A proposal is judged by where it settles, not by how it grows.
        self._ruled = [replace(rule_terms(router, *one)[0], growth=None) for one in written]
        self._own = replace(terms_room.own_terms(router), growth=None)
        for rule, terms in zip(written, self._ruled, strict=True):
            self._refuse(terms, f"the policy {rule[0].name}")
        self._refuse(self._own, self._own.strategy)
        self._named = {one.id: one.model for one in router.variants}
        self._measured = {one.id: self._measures(one.model) for one in router.variants}

    def _refuse(self, terms: Terms, who: str) -> None:
        said = UNKNOWABLE.get(terms.strategy, "")
        if terms.strategy == "bandit":
            if self.router.bandit.algorithm == BANDIT_ALGORITHM_LIN_UCB:
                said = CONTEXTUAL
            elif self.present.learnt is None:
                said = "is a bandit, and nothing that it has learnt is published yet"
        if said:
            why = f"{who} {said}: the log cannot say with what probability it would draw"
            raise NoPropensity(f"proposal: {why}", fields=[("proposal", why)], strategy=terms.strategy)

    def _measures(self, model: str) -> Mapping[str, Measured]:
        known = self.present.models.get(model)
        price = known.cost.per_call if known is not None and known.cost.HasField("per_call") else None
        return terms_room.measured_of(self.present.metrics.get(model), price)

    def score(self, event: PredictionEvent) -> Scored:
        """What it would have done with a prediction, with the models that were healthy then."""
        asked = asked_then(event)
        if why := self._unreadable(event, asked):
            return Scored((), why)
        match = self._rules.first(self._view(event, asked or Input())).rule
        place = -1 if match is None else match.action
        well = self._healthy(event)
        if (place, well) not in self._found:
            self._found[place, well] = self._shares(self._own if match is None else self._ruled[place], well)
        return self._found[place, well]

    def warnings(self) -> list[str]:
        """What is taken to hold that may not have held then."""
        said, used = [], {terms.strategy for terms in (self._own, *self._ruled)}
        if "bandit" in used and self.present.learnt is not None:
            version = self.present.learnt.version
            said.append(
                f"the bandit is evaluated by the allocation that it publishes now (version {version}), "
                "not by what it would have learnt"
            )
        if used & {"best_metric", "cost_aware"} or any(_metrics(rule) for rule in self._rules.rules):
            said.append("metrics are taken as they are measured now")
        return said

    def _shares(self, terms: Terms, well: tuple[bool, ...]) -> Scored:
        learnt = terms_room.learnt_of(self.router, self.present.learnt) if terms.strategy == "bandit" else {}
        found = shares(terms, Known(well, learnt, self._measured))
        if not any(found.allocation):
            return Scored((), "the proposal has nobody to choose among those that were healthy")
        return Scored(found.allocation)

    def _healthy(self, event: PredictionEvent) -> tuple[bool, ...]:
        out = {one.model for one in event.manifest.decision.candidates if one.reason.startswith(EJECTED)}
        return tuple(variant.model not in out for variant in self.router.variants)

    def _unreadable(self, event: PredictionEvent, asked: Input | None) -> str:
        """What the proposal's rules read and the log does not have; or who is somebody else by now."""
        for one in event.manifest.decision.candidates:
            if one.model and self._named.get(one.variant, one.model) != one.model:
                return f"the variant {one.variant} stood for {one.model} then"
        if said := lacking(self._rules.rules, asked, self.present.metrics):
            return said
        hidden = {*event.withheld, *self.redacted}
        for name in sorted(self._rules.names) if hidden else ():
            what, _, which = name.partition(".")
            if (which or what) in hidden or (what in ("features", "input") and INPUT in hidden):
                return f"a condition reads {name}, which the router does not log as it is"
        return ""

    def _view(self, event: PredictionEvent, asked: Input) -> RequestView:
        def measures(model: str) -> Measures | None:
            found = self.present.metrics.get(read_as(self.router, model))
            return measures_of(found) if found is not None else None

        return RequestView(
            self._written.schema,
            asked,
            event.attributes,
            event.entity_id,
            event.manifest.decision.time.ToNanoseconds() / 1e9,
            metrics=measures,
            boolean=numbers_of(self._written),
        )


def redacted_by(router: Router) -> frozenset[str]:
    """Names that the log of a router does not have as they were; of features that were withheld for another
    reason, each event says so itself."""
    hidden = (REDACTION_HASHED, REDACTION_NONE)
    return frozenset(name for name, rule in router.log.redact.items() if rule in hidden)


def _metrics(rule: Rule) -> bool:
    return any(name.startswith("metrics.") for name in rule.condition.names)
