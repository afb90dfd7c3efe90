"""A plan out of its message: everything that is wrong with it is told at once, by field."""

import math
from collections.abc import Sequence

from turnout.aggregator.v1 import aggregator_service_pb2 as wire
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1 import strategy_pb2
from turnout.router.v1.overrides_pb2 import Overrides

from services.aggregator.combiners import COMBINERS, WEIGHING
from services.aggregator.errors import Problems, UnavailableMethod, settle
from services.aggregator.plan import MOST_MEMBERS, Member, Plan, majority
from services.aggregator.recipe import Recipe
from services.aggregator.weights import WeightSource
from services.state.names import BadName, id_of, resource_name

PREFIX = "AGGREGATION_METHOD_"
DEFAULT_METHOD = "average"
# By the name that the user knows; 0 is the default.
METHODS = {
    number: name.removeprefix(PREFIX).lower() if number else DEFAULT_METHOD
    for name, number in strategy_pb2.AggregationMethod.items()
}
SOURCES: dict[int, WeightSource | None] = {
    strategy_pb2.WEIGHT_SOURCE_UNSPECIFIED: None,
    strategy_pb2.WEIGHT_SOURCE_DECLARED: WeightSource.DECLARED,
    strategy_pb2.WEIGHT_SOURCE_CONFIDENCE: WeightSource.CONFIDENCE,
    strategy_pb2.WEIGHT_SOURCE_DECLARED_TIMES_CONFIDENCE: WeightSource.DECLARED_TIMES_CONFIDENCE,
}
DECLARING = (None, WeightSource.DECLARED, WeightSource.DECLARED_TIMES_CONFIDENCE)


def read_plan(given: wire.Plan) -> Plan:
    """Raises InvalidPlan or UnavailableMethod, naming fields as paths from the request."""
    problems: Problems = {}
    how = given.ensemble
    recipe = read_recipe(how.aggregation, how.weight_source, "plan.ensemble.", problems)
    count = len(given.members)
    if not 1 <= count <= MOST_MEMBERS:
        problems["plan.members"] = f"1 to {MOST_MEMBERS} members expected, got {count}"
    members = tuple(
        _member(member, f"plan.members[{index}]", problems) for index, member in enumerate(given.members)
    )
    _distinct(members, problems)
    check_weights([member.weight for member in members], recipe, "plan.members", problems)
    quorum = how.quorum if how.HasField("quorum") else majority(count)
    if not 1 <= quorum <= max(count, 1):
        problems["plan.ensemble.quorum"] = f"1 to {count}, the number of members, expected; got {quorum}"
    settle(problems, "the plan cannot be run")
    return Plan(members, recipe, quorum, _warnings(recipe))


def require_input(given: Input) -> None:
    """Raise InvalidPlan unless there is something to ask."""
    if given.WhichOneof("kind") is None:
        kinds = ", ".join(field.name for field in Input.DESCRIPTOR.oneofs_by_name["kind"].fields)
        settle({"input": f"is required: give one of {kinds}"}, "there is nothing to ask")


def read_recipe(method: int, source: int, prefix: str, problems: Problems) -> Recipe:
    """Raises UnavailableMethod for a method of a later version; whatever else is wrong goes to `problems`."""
    available = ", ".join(COMBINERS)
    name = METHODS.get(method)
    if name is None:
        problems[f"{prefix}aggregation"] = f"one of {available} expected, got {method}"
        name = DEFAULT_METHOD
    if name not in COMBINERS:
        said = f"{name} is not available in this version; available are {available}"
        fields = [(f"{prefix}aggregation", said)]
        raise UnavailableMethod(f"{prefix}aggregation: {said}", fields=fields, method=name)
    if source not in SOURCES:
        offered = ", ".join(strategy_pb2.WeightSource.keys()[1:])
        problems[f"{prefix}weight_source"] = f"one of {offered} expected, got {source}"
    return Recipe(name, SOURCES.get(source))


def check_weights(weights: Sequence[float | None], recipe: Recipe, path: str, problems: Problems) -> None:
    """Each declared weight is a finite number from 0; not all are 0 where they decide."""
    for index, weight in enumerate(weights):
        if weight is not None and not (weight >= 0 and math.isfinite(weight)):
            problems[f"{path}[{index}].weight"] = f"a finite number from 0 expected, got {weight:g}"
    decide = recipe.method in WEIGHING and recipe.source in DECLARING
    if decide and weights and all(weight == 0 for weight in weights):
        problems[path] = "at least one weight above 0 expected; all are 0"


def without_effect(recipe: Recipe) -> str | None:
    """What to tell about a weight source that the method does not read."""
    if recipe.source is None or recipe.method in WEIGHING:
        return None
    return f"weight_source has no effect: {recipe.method} weighs nothing; {', '.join(sorted(WEIGHING))} do"


def _warnings(recipe: Recipe) -> tuple[str, ...]:
    said = without_effect(recipe)
    return () if said is None else (said,)


def _member(given: wire.Member, path: str, problems: Problems) -> Member:
    model = ""
    try:
        model = resource_name("models", given.model, f"{path}.model")
    except BadName as wrong:
        for violation in wrong.fields:
            problems[violation.field] = violation.description
    timeout = given.timeout.seconds + given.timeout.nanos / 1e9 if given.HasField("timeout") else None
    if timeout is not None and timeout <= 0:
        problems[f"{path}.timeout"] = f"more than 0 s expected, got {timeout:g} s"
    threshold = given.threshold if given.HasField("threshold") else None
    if threshold is not None and not 0 <= threshold <= 1:
        problems[f"{path}.threshold"] = f"a probability from 0 to 1 expected, got {threshold:g}"
    weight = given.weight if given.HasField("weight") else None
    return Member(given.variant or id_of(model), model, weight, timeout, threshold, _overrides(given))


def _overrides(given: wire.Member) -> Overrides | None:
    """What a member does otherwise, None where nothing; its own threshold among it."""
    found = Overrides()
    found.CopyFrom(given.overrides)
    if given.HasField("threshold"):
        found.threshold = given.threshold
    return found if found.ListFields() else None


def _distinct(members: Sequence[Member], problems: Problems) -> None:
    seen: set[str] = set()
    for index, member in enumerate(members):
        if member.variant and member.variant in seen:
            said = f"'{member.variant}' is used twice; members of the same model need variants of their own"
            problems[f"plan.members[{index}].variant"] = said
        seen.add(member.variant)
