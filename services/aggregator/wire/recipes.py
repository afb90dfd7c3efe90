"""How answers are combined, out of its messages."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from turnout.router.v1 import ensemble_pb2, strategy_pb2

from services.aggregator.combiners import COMBINERS, TAKES, WEIGHING
from services.aggregator.errors import Problems
from services.aggregator.extraction import BadExtraction, Extraction, by_labels, by_pointer, by_regex
from services.aggregator.learnt import Learnt
from services.aggregator.recipe import DEFAULTS, Options, Recipe
from services.aggregator.tolerance import Tolerance
from services.aggregator.weights import WeightSource

PREFIX = "AGGREGATION_METHOD_"
DEFAULT_METHOD = "average"
# The one method that is a pattern.
CASCADE = "cascade"
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
# Relative; the same as what arithmetic in another order may cost.
TOLERANCE = 1e-9


def read_recipe(
    method: int, source: int, prefix: str, problems: Problems, options: Options = DEFAULTS
) -> Recipe:
    """The method and what it weighs by; `prefix` is the path of the message that has them."""
    name = METHODS.get(method)
    if name not in COMBINERS:
        problems[f"{prefix}aggregation"] = f"one of {', '.join(COMBINERS)} expected, got {name or method}"
        name = DEFAULT_METHOD
    if source not in SOURCES:
        offered = ", ".join(strategy_pb2.WeightSource.keys()[1:])
        problems[f"{prefix}weight_source"] = f"one of {offered} expected, got {source}"
    return Recipe(name, SOURCES.get(source), options)


def read_majority(
    given: ensemble_pb2.JsonMajority, method: int, path: str, problems: Problems, options: Options
) -> Options:
    """The options with those of json_majority, and their defaults where it is the method. Another method
    compares exactly, and so does what is told of its answers."""
    tolerance = _tolerance(given, path, problems)
    if METHODS.get(method) != "json_majority":
        return options
    return replace(options, by_field=given.by_field, tolerance=tolerance)


def _tolerance(given: ensemble_pb2.JsonMajority, path: str, problems: Problems) -> Tolerance:
    """The relative difference up to which numbers are the same."""
    relative = given.tolerance if given.HasField("tolerance") else TOLERANCE
    if not 0 <= relative <= 1:
        problems[f"{path}.tolerance"] = f"a relative difference from 0 to 1 expected, got {relative:g}"
        relative = TOLERANCE
    return Tolerance(relative=relative)


def read_learnt(given: ensemble_pb2.LearntStacker, path: str, problems: Problems) -> Learnt | None:
    """Coefficients as FitStacker learns them; None where they do not fit together."""
    labels, members = tuple(given.labels), tuple(given.members)
    outputs, columns = max(len(labels), 1), len(members) * max(len(labels), 1)
    if len(given.coefficients) != outputs * columns:
        said = f"{outputs} x {columns} numbers expected, outputs x columns; got {len(given.coefficients)}"
        problems[f"{path}.coefficients"] = said
        return None
    try:
        return Learnt(
            members,
            labels,
            np.array(given.coefficients).reshape(outputs, columns),
            np.array(given.intercepts),
            np.array(given.fill) if given.fill else np.zeros(columns),
            "softmax" if labels else "linear",
        )
    except ValueError as wrong:
        field, _, said = str(wrong).partition(": ")
        names = {"intercept": "intercepts", "means": "fill"}
        problems[f"{path}.{names.get(field, field)}"] = said or str(wrong)
    return None


def read_extraction(
    given: ensemble_pb2.Extraction, method: str, path: str, problems: Problems, *, is_given: bool
) -> Extraction | None:
    """What of a text is the answer; for json_majority all of it, as JSON, where nothing else is said.
    `is_given`: there is a message, which is to say something then."""
    kind = given.WhichOneof("from")
    kinds = TAKES.get(method, ())
    if is_given and kind is None:
        problems[path] = "one of regex, json_pointer, labels expected"
    try:
        match kind:
            case "regex":
                return by_regex(given.regex, kinds)
            case "json_pointer":
                return by_pointer(given.json_pointer, kinds)
            case "labels":
                return by_labels(tuple(given.labels.labels))
    except BadExtraction as wrong:
        problems[f"{path}.{kind}"] = str(wrong)
    return by_pointer("", kinds) if method == "json_majority" else None


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
