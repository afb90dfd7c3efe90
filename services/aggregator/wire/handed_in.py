"""Outputs that are handed in, as ballots."""

from turnout.aggregator.v1.aggregator_service_pb2 import AggregateRequest, WeightedOutput

from services.aggregator.answers import Ballot
from services.aggregator.errors import Problems, Unreadable, settle
from services.aggregator.plan import MOST_MEMBERS
from services.aggregator.recipe import Recipe
from services.aggregator.wire.answers import confidence_of, read_answer
from services.aggregator.wire.plans import check_weights, read_recipe, without_effect


def read_handed_in(request: AggregateRequest) -> tuple[Recipe, list[Ballot]]:
    """Raises InvalidPlan or UnavailableMethod, naming fields as paths from the request."""
    problems: Problems = {}
    recipe = read_recipe(request.aggregation, request.weight_source, "", problems)
    # A plan is only warned of it: it serves traffic. Here a person asks, and there is no room for a warning.
    if said := without_effect(recipe):
        problems["weight_source"] = said
    if not 1 <= len(request.outputs) <= MOST_MEMBERS:
        problems["outputs"] = f"1 to {MOST_MEMBERS} outputs expected, got {len(request.outputs)}"
    weights = [each.weight if each.HasField("weight") else None for each in request.outputs]
    check_weights(weights, recipe, "outputs", problems)
    _check_names(request, problems)
    ballots = [
        _ballot(each, weight, f"outputs[{index}]", problems)
        for index, (each, weight) in enumerate(zip(request.outputs, weights, strict=True))
    ]
    settle(problems, "the outputs cannot be combined")
    return recipe, [ballot for ballot in ballots if ballot is not None]


def _check_names(request: AggregateRequest, problems: Problems) -> None:
    seen: set[str] = set()
    for index, each in enumerate(request.outputs):
        if not each.variant:
            problems[f"outputs[{index}].variant"] = "is required: the name of the member that answered"
        elif each.variant in seen:
            problems[f"outputs[{index}].variant"] = f"'{each.variant}' is used twice"
        seen.add(each.variant)


def _ballot(given: WeightedOutput, weight: float | None, path: str, problems: Problems) -> Ballot | None:
    confidence = given.confidence if given.HasField("confidence") else None
    if confidence is not None and not 0 <= confidence <= 1:
        problems[f"{path}.confidence"] = f"a number from 0 to 1 expected, got {confidence:g}"
    try:
        answer = read_answer(given.output)
    except Unreadable as wrong:
        problems[".".join(filter(None, (path, "output", wrong.path)))] = wrong.said
        return None
    return Ballot(given.variant, answer, weight, confidence_of(given.output, answer, confidence))
