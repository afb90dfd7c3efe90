"""The public specification's body as a router: its names in lower case, its fields where we keep them."""

import re
from collections.abc import Callable, Iterator

from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.ensemble_service_pb2 import CreateEnsembleRequest
from turnout.router.v1.router_pb2 import Router

from services.router.config.combining import AGGREGATIONS as METHODS
from services.router.config.problems import Problems
from services.state.names import id_of

AGGREGATIONS = {name: number for number, name in METHODS.items()}
# Strategies of the body, and the fields beside name and models that each of them reads.
FIELDS: dict[str, tuple[str, ...]] = {
    "weighted": (),
    "round_robin": (),
    "random": (),
    "canary": ("baseline_model", "canary_model", "canary_percentage", "promotion_criteria"),
    "feature_based": ("rules", "default_model"),
    "bandit": ("exploration_rate", "reward_window", "reward_metric"),
    "latency_based": (),
    "least_loaded": (),
    "shadow": ("baseline_model",),
    "best_metric": (),
}
OPTIONS = tuple(dict.fromkeys(field for fields in FIELDS.values() for field in fields))
# What the body has no words for, and what has.
NEED_MORE = {
    "stacking": "CreateRouter takes one in ensemble.stacking, as model or learnt",
    "semantic_mean": "CreateRouter takes one in ensemble.semantic_mean.embedder",
}
DEFAULT = "weighted"
# Where our refusals lie in the body.
PLACES = (
    (re.compile(r"^router\.variants\[(\d+)\]\.model$"), r"models[\1].model_id"),
    (re.compile(r"^router\.variants\[(\d+)\]\.weight$"), r"models[\1].weight"),
    (re.compile(r"^router\.variants$"), "models"),
    (re.compile(r"^router\.ensemble\.(?:aggregation|cascade\b.*)$"), "aggregation"),
    (re.compile(r"^router\.(?:canary|bandit|feature_based)\."), ""),
    (re.compile(r"^router\.shadow\.primary$"), "baseline_model"),
)


def asks_all(body: CreateEnsembleRequest) -> bool:
    """Whether all members are asked: an aggregation is what makes an ensemble of them."""
    return bool(body.aggregation)


def router_of(body: CreateEnsembleRequest) -> Router:
    """The router that the body asks for, without defaults. Raises InvalidConfiguration in its words."""
    problems, name = Problems(), body.strategy or DEFAULT
    if name not in FIELDS:
        problems.add("strategy", f"one of {', '.join(FIELDS)}; got {name[:100]!r}")
    elif asks_all(body) and name != DEFAULT:
        problems.add("aggregation", f"asks every model, and strategy {name[:100]} chooses one: give either")
    for field, _ in body.ListFields():
        if field.name in OPTIONS and field.name not in FIELDS.get(name, OPTIONS):
            readers = " or ".join(one for one, fields in FIELDS.items() if field.name in fields)
            problems.add(field.name, f"goes with strategy {readers}, and not with {name[:100]}")
    if body.aggregation and body.aggregation not in AGGREGATIONS:
        problems.add("aggregation", f"one of {', '.join(AGGREGATIONS)}; got {body.aggregation[:100]!r}")
    if instead := NEED_MORE.get(body.aggregation):
        said = f"{body.aggregation} needs a further model, which this body cannot name: {instead}"
        problems.add("aggregation", said)
    _told_apart(body, problems)
    problems.settle()
    router = Router()
    for model in dict.fromkeys(named for _, named in models_of(body) if named):
        router.variants.add(model=model)
    _weigh(router, body)
    if asks_all(body):
        _ensemble(router, body)
    else:
        BUILDERS.get(name, _plain)(router, body)
    return router


def models_of(body: CreateEnsembleRequest) -> Iterator[tuple[str, str]]:
    """Every model that the body names, as models/{id}, with the field that names it."""
    for place, member in enumerate(body.models):
        yield f"models[{place}].model_id", _model(member.model_id)
    yield "baseline_model", _model(body.baseline_model)
    yield "canary_model", _model(body.canary_model)
    for place, rule in enumerate(body.rules):
        yield f"rules[{place}].model", _model(rule.model)
    yield "default_model", _model(body.default_model)


def place_in_body(field: str) -> str:
    """A field of the router as the body calls it.

    >>> place_in_body("router.canary.canary_percentage"), place_in_body("router.variants[1].weight")
    ('canary_percentage', 'models[1].weight')
    """
    for pattern, place in PLACES:
        if pattern.search(field):
            return pattern.sub(place, field)
    return field


def _model(given: str) -> str:
    return f"models/{given}" if given and "/" not in given else given


def _told_apart(body: CreateEnsembleRequest, problems: Problems) -> None:
    seen: set[str] = set()
    for place, member in enumerate(body.models):
        if not member.model_id:
            problems.add(f"models[{place}].model_id", "is required: a registered model's id")
        elif (model := _model(member.model_id)) in seen:
            said = f"{member.model_id[:100]} is named twice; once, with all of its weight"
            problems.add(f"models[{place}].model_id", said)
        else:
            seen.add(model)


def _weigh(router: Router, body: CreateEnsembleRequest) -> None:
    given = {_model(member.model_id): member for member in body.models}
    for variant in router.variants:
        if variant.model in given and given[variant.model].HasField("weight"):
            variant.weight = given[variant.model].weight


def _ensemble(router: Router, body: CreateEnsembleRequest) -> None:
    router.ensemble.aggregation = AGGREGATIONS[body.aggregation]  # type: ignore[assignment]
    if body.aggregation == "weighted_average":
        declared = any(variant.HasField("weight") for variant in router.variants)
        source = strategy.WEIGHT_SOURCE_DECLARED if declared else strategy.WEIGHT_SOURCE_CONFIDENCE
        router.ensemble.weight_source = source


def _plain(router: Router, body: CreateEnsembleRequest) -> None:
    getattr(router, body.strategy or DEFAULT).SetInParent()


def _canary(router: Router, body: CreateEnsembleRequest) -> None:
    router.canary.baseline_model, router.canary.canary_model = body.baseline_model, body.canary_model
    if body.HasField("canary_percentage"):
        router.canary.canary_percentage = body.canary_percentage
    if body.HasField("promotion_criteria"):
        criteria = body.promotion_criteria
        router.canary.promotion_criteria.metric = criteria.metric or "accuracy"
        router.canary.promotion_criteria.min_improvement = criteria.min_improvement
        router.canary.promotion_criteria.min_samples = criteria.min_samples


def _feature_based(router: Router, body: CreateEnsembleRequest) -> None:
    router.feature_based.default_model = id_of(body.default_model)
    for rule in body.rules:
        router.feature_based.rules.add(condition=rule.condition, model=id_of(rule.model))


def _bandit(router: Router, body: CreateEnsembleRequest) -> None:
    router.bandit.reward_metric = body.reward_metric
    if body.HasField("exploration_rate"):
        router.bandit.exploration_rate = body.exploration_rate
    if body.HasField("reward_window"):
        router.bandit.reward_window = body.reward_window


def _shadow(router: Router, body: CreateEnsembleRequest) -> None:
    # The specification names no field for who serves: the baseline, else the first.
    router.shadow.primary = id_of(
        body.baseline_model or (router.variants[0].model if router.variants else "")
    )


BUILDERS: dict[str, Callable[[Router, CreateEnsembleRequest], None]] = {
    "canary": _canary,
    "feature_based": _feature_based,
    "bandit": _bandit,
    "shadow": _shadow,
}
