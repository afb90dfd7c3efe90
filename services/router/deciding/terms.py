"""A route's terms from messages: the router's own strategy, or that of one of its policies."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.router.v1 import strategy_pb2 as strategies
from turnout.router.v1.router_pb2 import Policy, Router

from services.router.conditions.wire import measures_of
from services.router.config.choosers import COMPLEXITY_THRESHOLD, LEAST_SAMPLES
from services.router.config.defaults import weight_of
from services.router.config.mentions import variant_named
from services.router.config.options import RAMP_START
from services.router.deciding.bounds import Growth
from services.router.deciding.shares import MEASURING, NAMING, Known, Terms, shares
from services.router.strategies.state import DECLARED_COST, Measured

Parameters = dict[str, float | str]

# The samples that a measure rests on, where that is not the requests.
_SAMPLES = {
    **dict.fromkeys(("accuracy", "f1", "precision", "recall"), "labels"),
    "log_loss": "scored",
    **dict.fromkeys(("mae", "rmse"), "numbers"),
    "agreement": "panels",
}


def own_terms(router: Router) -> Terms:
    """The terms of the router's own strategy; of feature_based, those of its default."""
    name = router.WhichOneof("strategy") or "weighted"
    given: Any = getattr(router, name)
    default = router.default_model
    if name == "feature_based":
        default = ""
        given = strategies.FeatureRule(model=router.feature_based.default_model or router.default_model)
    return _terms(router, name, given, default=default)


def terms_of(router: Router, name: str, given: Any, among: Collection[str] = ()) -> Terms:
    """The terms of a policy's strategy, over `among` (all where it is empty)."""
    ids = _ids(router, among) if among else None
    return _terms(router, name, given, among=ids, default=_where_unmeasured(router, name))


def within(router: Router, among: Collection[str]) -> tuple[Terms, Any]:
    """The terms of the router's own strategy over some of its variants, and its message. Where rules choose,
    the weights do it among those."""
    name = router.WhichOneof("strategy") or "weighted"
    if name == "feature_based":
        name = "weighted"
    given = getattr(router, name)
    default = _where_unmeasured(router, name)
    return _terms(router, name, given, among=_ids(router, among), default=default), given


def fixed(router: Router, named: str) -> Terms:
    """The terms of a rule that names one variant, by its id or its model."""
    return _terms(router, "feature_based", strategies.FeatureRule(model=named))


def policy_terms(router: Router, policy: Policy) -> tuple[Terms, Any]:
    """The terms of a policy, and its strategy's message."""
    match policy.WhichOneof("action"):
        case "variant":
            return fixed(router, policy.variant), None
        case "ensemble":
            return terms_of(router, "ensemble", policy.ensemble), policy.ensemble
        case "strategy":
            name = policy.strategy.WhichOneof("strategy") or "weighted"
            given = getattr(policy.strategy, name)
            return terms_of(router, name, given, policy.strategy.variants), given
    return within(router, policy.subset.variants)


def reaches(terms: Terms, given: Any) -> bool:
    """Whether the configuration leaves anybody to choose or to ask, were all of them well. A rule that
    reaches nobody is passed over."""
    if terms.strategy == "ensemble":
        asked = set(given.members) or set(terms.variants)
        return any(may and one in asked for one, may in zip(terms.variants, terms.may(), strict=True))
    everybody = Known((True,) * len(terms.variants))
    # Without the default: it answers where nobody is good enough, and not where nobody is named.
    return any(shares(replace(terms, default=""), everybody).allocation)


def _where_unmeasured(router: Router, name: str) -> str:
    """Who answers where a policy's strategy finds nobody good enough: the default model, as for the router's
    own. A policy whose strategy asks for no measure leads to those whom it names, or is passed over."""
    return router.default_model if name in MEASURING else ""


def _terms(
    router: Router, name: str, given: Any, *, among: frozenset[str] | None = None, default: str = ""
) -> Terms:
    floor, cap = _bounds(router, name)
    return Terms(
        strategy=name,
        variants=[one.id for one in router.variants],
        weights=[weight_of(one) for one in router.variants],
        enabled=[one.enabled for one in router.variants],
        parameters=PARAMETERS.get(name, _none)(router, given),
        among=among,
        default=variant_named(router, default) or "" if default else "",
        floor=floor,
        cap=cap,
        growth=_growth(router),
    )


def _ids(router: Router, named: Collection[str]) -> frozenset[str]:
    return frozenset(variant_named(router, one) or one for one in named)


def _bounds(router: Router, name: str) -> tuple[float, float]:
    # What names who answers is not bent: a policy's one variant gets everything.
    if name in NAMING:
        return 0.0, 1.0
    floor, cap = router.bounds.floor, router.bounds.cap if router.bounds.HasField("cap") else 1.0
    if name == "bandit":
        own = router.bandit.cap if router.bandit.HasField("cap") else 1.0
        floor, cap = max(floor, router.bandit.floor), min(cap, own)
    return floor, cap


def _growth(router: Router) -> Growth | None:
    if not router.HasField("ramp"):
        return None
    start = router.ramp.start if router.ramp.HasField("start") else RAMP_START
    since = tuple(one.enable_time.ToNanoseconds() for one in router.variants)
    return Growth(router.ramp.duration.ToNanoseconds(), start, since)


def _none(_router: Router, _given: Any) -> Parameters:
    return {}


def _canary(_router: Router, given: strategies.CanaryStrategy) -> Parameters:
    return {
        "baseline_model": given.baseline_model,
        "canary_model": given.canary_model,
        "canary_percentage": given.canary_percentage,
    }


def _named(router: Router, named: str) -> Parameters:
    return {"variant": variant_named(router, named) or named}


def _rule(router: Router, given: strategies.FeatureRule) -> Parameters:
    return _named(router, given.model)


def _shadow(router: Router, given: strategies.ShadowStrategy) -> Parameters:
    return _named(router, given.primary)


def _best_metric(_router: Router, given: strategies.BestMetricStrategy) -> Parameters:
    made: Parameters = {
        "metric": given.metric or "accuracy",
        "min_samples": float(given.min_samples if given.HasField("min_samples") else LEAST_SAMPLES),
    }
    if given.HasField("min_value"):
        made["min_value"] = given.min_value
    for one in given.thresholds:
        if one.HasField("min_value"):
            made[f"min:{one.metric}"] = one.min_value
        if one.HasField("max_value"):
            made[f"max:{one.metric}"] = one.max_value
    return made


def _cost_aware(_router: Router, given: strategies.CostAwareStrategy) -> Parameters:
    return {
        "metric": given.metric or "accuracy",
        "min_quality": given.min_quality,
        "min_samples": float(given.min_samples if given.HasField("min_samples") else LEAST_SAMPLES),
    }


def _complexity(router: Router, given: strategies.ComplexityStrategy) -> Parameters:
    return {
        "small": variant_named(router, given.small) or given.small,
        "large": variant_named(router, given.large) or given.large,
        "threshold": given.threshold if given.HasField("threshold") else COMPLEXITY_THRESHOLD,
    }


def _bandit(_router: Router, given: strategies.BanditStrategy) -> Parameters:
    return {"exploration_rate": given.exploration_rate}


PARAMETERS: Mapping[str, Any] = {
    "bandit": _bandit,
    "canary": _canary,
    "feature_based": _rule,
    "shadow": _shadow,
    "best_metric": _best_metric,
    "cost_aware": _cost_aware,
    "complexity": _complexity,
}


def learnt_of(router: Router, learnt: RewardSnapshot | None) -> dict[str, float]:
    """What was published, less the zeros of an older configuration: a variant that was disabled then and is
    not now is new to the learner."""
    if learnt is None:
        return {}
    current = learnt.generation >= router.generation
    return {arm.variant: arm.probability for arm in learnt.arms if current or arm.probability > 0}


def learnt_elsewhere(learnt: RewardSnapshot | None, served: Router) -> RewardSnapshot | None:
    """What was published for the configuration that is served, to another one: less the zeros of variants
    that are served no more, which would be new to the learner if they were."""
    if learnt is None:
        return None
    enabled = {one.id for one in served.variants if one.enabled or not one.HasField("enabled")}
    less = RewardSnapshot()
    less.CopyFrom(learnt)
    del less.arms[:]
    less.arms.extend(arm for arm in learnt.arms if arm.probability > 0 or arm.variant in enabled)
    return less


def measured_of(metrics: ModelMetrics | None, price: float | None) -> dict[str, Measured]:
    """What feedback published of a model, with the samples that each value rests on, and the price of a call
    that was declared; either may be lacking."""
    found: dict[str, Measured] = {}
    if metrics is not None:
        told = measures_of(metrics)
        for name, value in told.items():
            found[name] = Measured(value, int(told[_SAMPLES.get(name, "requests")]))
    if price is not None:
        found[DECLARED_COST] = Measured(price, 0)
    return found
