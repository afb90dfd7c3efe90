"""The rules of a decision asked again, of the request as far as it was logged."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.router.conditions import BadCondition, Rule
from services.router.conditions.requests import RequestView
from services.router.conditions.view import Measures
from services.router.conditions.wire import measures_of, schema_of
from services.router.deciding.asking import asked_then
from services.router.deciding.compiling import rule_terms
from services.router.deciding.rulings import Compiled, Written, asked_of, numbers_of
from services.router.deciding.terms import reaches
from services.router.managing.aliases import read_as


class Ruled(NamedTuple):
    """mismatches and unknown as in a Verdict. feature_rule: the place of the feature rule that the manifest
    names, None if it names none."""

    mismatches: list[str]
    unknown: list[str]
    feature_rule: int | None = None


def rule_again(
    event: PredictionEvent,
    router: Router,
    models: Mapping[str, Model],
    metrics: Mapping[str, ModelMetrics] | None,
    rules: Compiled,
) -> Ruled:
    """Ask the rules again; not where one reads what is not logged."""
    decision = event.manifest.decision
    try:
        written = rules.of(router, schema_of(router, models))
    except BadCondition as wrong:
        return Ruled([], [f"the rules: a condition {wrong}, as the models are now"])
    feature = _feature_rule(written, decision.policy) if router.HasField("feature_based") else None
    asked = asked_then(event)
    if gone := lacking((*written.policies.rules, *written.features.rules), asked, metrics):
        return Ruled([], [f"the rules: {gone}"], feature)

    said, errors = _asked_again(event, router, written, asked or Input(), metrics or {})
    found = []
    if said != decision.policy:
        named = decision.policy or "none"
        found.append(f"the rules lead to {said or 'the strategy'}, the manifest says {named}")
    if errors != list(decision.rule_errors):
        found.append(f"rules in error are {errors}, the manifest says {list(decision.rule_errors)}")
    return Ruled(found, [], feature)


def _asked_again(
    event: PredictionEvent,
    router: Router,
    written: Written,
    asked: Input,
    metrics: Mapping[str, ModelMetrics],
) -> tuple[str, list[str]]:
    def measures(model: str) -> Measures | None:
        found = metrics.get(read_as(router, model))
        return measures_of(found) if found is not None else None

    rules = asked_of(written, lambda rule, policy: reaches(*rule_terms(router, rule, policy)))
    view = RequestView(
        written.schema,
        asked,
        event.attributes,
        event.entity_id,
        # The same double as when it was decided.
        event.manifest.decision.time.ToNanoseconds() / 1e9,
        metrics=measures,
        boolean=numbers_of(written),
    )
    match = rules.first(view)
    return match.rule.name if match.rule else "", list(match.errors)


def _feature_rule(written: Written, named: str) -> int | None:
    return next((rule.action for rule in written.features.rules if rule.name == named), None)


def lacking(rules: Iterable[Rule], asked: Input | None, metrics: Mapping[str, ModelMetrics] | None) -> str:
    """What a rule reads that nobody has any more."""
    for name in sorted(frozenset[str]().union(*(rule.condition.names for rule in rules))):
        what, _, which = name.partition(".")
        if what == "headers":
            return f"a condition reads the header {which}, which is not logged"
        if what == "drift":
            return f"a condition reads the drift of {which}, which is not kept"
        if what == "metrics" and metrics is None:
            return "the metrics that a condition reads are not kept"
        if name == "input.kind" or (what in ("features", "input") and asked is None):
            return f"a condition reads {name}, and the input was not logged as it came"
    return ""
