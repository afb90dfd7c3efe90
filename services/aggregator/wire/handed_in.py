"""Outputs that are handed in, as ballots."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from turnout.aggregator.v1.aggregator_service_pb2 import AggregateRequest, WeightedOutput
from turnout.inference.v1.output_pb2 import Output

from services.aggregator.answers import Ballot, Floats, Text
from services.aggregator.errors import Problems, Unreadable, settle
from services.aggregator.extraction import Extraction
from services.aggregator.plan import MOST_MEMBERS
from services.aggregator.recipe import DEFAULTS, Options, Recipe
from services.aggregator.sound import aimless, require_numbers
from services.aggregator.wire.answers import confidence_of, output_of, read_answer
from services.aggregator.wire.recipes import (
    check_weights,
    read_extraction,
    read_learnt,
    read_majority,
    read_recipe,
    without_effect,
)

# Names stand in messages, and a status travels in metadata.
LONGEST_NAME = 256


def read_handed_in(request: AggregateRequest) -> tuple[Recipe, list[Ballot], list[Output]]:
    """How to combine, what, and the output that each ballot stands for. Raises InvalidPlan, naming fields as
    paths from the request."""
    problems: Problems = {}
    options = _options(request, problems)
    recipe = read_recipe(request.aggregation, request.weight_source, "", problems, options)
    # A plan is only warned of it: it serves traffic. Here a person asks.
    if said := without_effect(recipe):
        problems["weight_source"] = said
    if not 1 <= len(request.outputs) <= MOST_MEMBERS:
        problems["outputs"] = f"1 to {MOST_MEMBERS} outputs expected, got {len(request.outputs)}"
    weights = [each.weight if each.HasField("weight") else None for each in request.outputs]
    check_weights(weights, recipe, "outputs", problems)
    _check_names(request, problems)
    is_given = request.HasField("extraction")
    extraction = read_extraction(request.extraction, recipe.method, "extraction", problems, is_given=is_given)
    read = [
        _ballot(each, weight, extraction, recipe.method, f"outputs[{index}]", problems)
        for index, (each, weight) in enumerate(zip(request.outputs, weights, strict=True))
    ]
    settle(problems, "the outputs cannot be combined")
    found = [one for one in read if one is not None]
    return recipe, [ballot for ballot, _ in found], [output for _, output in found]


def idle(request: AggregateRequest, recipe: Recipe) -> list[str]:
    """A sentence for each option of another method."""
    options = (("json_majority", "json_majority"), ("stacker", "stacking"))
    return [
        f"{field} has no effect: the aggregation is {recipe.method}"
        for field, method in options
        if request.HasField(field) and recipe.method != method  # type: ignore[arg-type,unused-ignore]
    ]


def _options(request: AggregateRequest, problems: Problems) -> Options:
    vectors = _vectors(request.outputs, problems)
    options = DEFAULTS if vectors is None else Options(vectors=vectors)
    majority = request.json_majority
    options = read_majority(majority, request.aggregation, "json_majority", problems, options)
    if request.HasField("stacker"):
        options = replace(options, learnt=read_learnt(request.stacker, "stacker", problems))
    return options


def _vectors(outputs: Sequence[WeightedOutput], problems: Problems) -> Floats | None:
    """[outputs, dimension]; None where no output has an embedding beside it."""
    lengths = [len(each.embedding) for each in outputs]
    if not any(lengths):
        return None
    for index, length in enumerate(lengths):
        if length != lengths[0]:
            said = f"as many numbers as that of the first output expected, {lengths[0]}; got {length}"
            problems[f"outputs[{index}].embedding"] = said
            return None
    vectors = np.array([each.embedding for each in outputs], dtype=np.float64)
    if (bad := aimless(vectors)) >= 0:
        said = "finite numbers expected, not all of them 0: it has no direction"
        problems[f"outputs[{bad}].embedding"] = said
    return vectors


def _check_names(request: AggregateRequest, problems: Problems) -> None:
    seen: set[str] = set()
    for index, each in enumerate(request.outputs):
        if not each.variant:
            problems[f"outputs[{index}].variant"] = "is required: the name of the member that answered"
        elif len(each.variant) > LONGEST_NAME:
            said = f"at most {LONGEST_NAME} characters expected, got {len(each.variant)}"
            problems[f"outputs[{index}].variant"] = said
        elif each.variant in seen:
            problems[f"outputs[{index}].variant"] = f"'{each.variant}' is used twice"
        seen.add(each.variant)


def _ballot(
    given: WeightedOutput,
    weight: float | None,
    extraction: Extraction | None,
    method: str,
    path: str,
    problems: Problems,
) -> tuple[Ballot, Output] | None:
    confidence = given.confidence if given.HasField("confidence") else None
    if confidence is not None and not 0 <= confidence <= 1:
        problems[f"{path}.confidence"] = f"a number from 0 to 1 expected, got {confidence:g}"
    output = given.output
    try:
        answer = read_answer(output)
        if extraction is not None and isinstance(answer, Text):
            answer = extraction.read(answer.content)
            output = output_of(answer)
        require_numbers(answer, method)
    except Unreadable as wrong:
        problems[".".join(filter(None, (path, "output", wrong.path)))] = wrong.said
        return None
    return Ballot(given.variant, answer, weight, confidence_of(given.output, answer, confidence)), output
