"""A plan out of its message: everything that is wrong with it is told at once, by field."""

import math
from dataclasses import replace

from turnout.aggregator.v1 import aggregator_service_pb2 as wire
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.overrides_pb2 import Overrides
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from services.aggregator.errors import Problems, settle
from services.aggregator.extraction import Extraction
from services.aggregator.plan import FULL_PANEL_FRACTION, MOST_MEMBERS, Plan, majority
from services.aggregator.recipe import DEFAULTS, Recipe
from services.aggregator.voices import Helper
from services.aggregator.wire.idle import idle
from services.aggregator.wire.patterns import helpers_of, read_pattern
from services.aggregator.wire.recipes import (
    CASCADE,
    METHODS,
    check_weights,
    read_extraction,
    read_learnt,
    read_majority,
    read_recipe,
)
from services.aggregator.wire.voices import read_helper, read_members
from services.models.overriding import check_overrides
from services.models.problems import Problems as Found

PATH = "plan.ensemble"
MOST_RETRIES = 3
MOST_SAMPLES = 16


def read_plan(given: wire.Plan) -> Plan:
    """Raises InvalidPlan, naming fields as paths from the request."""
    problems: Problems = {}
    how = given.ensemble
    count = len(given.members)
    if not 1 <= count <= MOST_MEMBERS:
        problems["plan.members"] = f"1 to {MOST_MEMBERS} members expected, got {count}"
    members = read_members(given, problems)
    pattern = read_pattern(how, members, problems)
    recipe = _recipe(how, problems)
    check_weights([member.weight for member in members], recipe, "plan.members", problems)
    quorum = how.quorum if how.HasField("quorum") else majority(len(members))
    if not 1 <= quorum <= max(len(members), 1):
        said = f"1 to {len(members)}, the number of members, expected; got {quorum}"
        problems[f"{PATH}.quorum"] = said
    _check_sampling(how, problems)
    embedder, meta = _embedder(how, recipe, problems), _meta(how, recipe, problems)
    helpers = (*helpers_of(pattern), *(one for one in (embedder, meta) if one is not None))
    plan = Plan(
        members=members,
        recipe=recipe,
        quorum=quorum,
        pattern=pattern,
        full_fraction=_number(how, "full_panel_fraction", 0, 1, problems, FULL_PANEL_FRACTION),
        max_cost=_limit(how, problems),
        retries=int(_number(how, "member_retries", 0, MOST_RETRIES, problems, 1)),
        samples=int(_number(how, "samples_per_member", 1, MOST_SAMPLES, problems, 1)),
        extraction=_extraction(how, recipe, problems),
        sampling=Overrides(sampling=how.sampling) if how.HasField("sampling") else None,
        embedder=embedder,
        meta=meta,
        helpers=helpers,
        partial=bool(given.left_out),
    )
    settle(problems, "the plan cannot be run")
    return replace(plan, warnings=tuple(idle(how, plan)))


def require_input(given: Input) -> None:
    """Raise InvalidPlan unless there is something to ask."""
    if given.WhichOneof("kind") is None:
        kinds = ", ".join(field.name for field in Input.DESCRIPTOR.oneofs_by_name["kind"].fields)
        settle({"input": f"is required: give one of {kinds}"}, "there is nothing to ask")


def _recipe(how: EnsembleStrategy, problems: Problems) -> Recipe:
    options = read_majority(how.json_majority, how.aggregation, f"{PATH}.json_majority", problems, DEFAULTS)
    if how.stacking.HasField("learnt"):
        learnt = read_learnt(how.stacking.learnt, f"{PATH}.stacking.learnt", problems)
        options = replace(options, learnt=learnt)
    # A sequence combines nothing; as a method the cascade is none of the combiners'.
    method = 0 if METHODS.get(how.aggregation) == CASCADE else how.aggregation
    return read_recipe(method, how.weight_source, f"{PATH}.", problems, options)


def _extraction(how: EnsembleStrategy, recipe: Recipe, problems: Problems) -> Extraction | None:
    is_given = how.HasField("extraction")
    return read_extraction(how.extraction, recipe.method, f"{PATH}.extraction", problems, is_given=is_given)


def _embedder(how: EnsembleStrategy, recipe: Recipe, problems: Problems) -> Helper | None:
    if recipe.method != "semantic_mean" or not how.HasField("semantic_mean"):
        return None
    return read_helper(how.semantic_mean.embedder, f"{PATH}.semantic_mean.embedder", problems)


def _meta(how: EnsembleStrategy, recipe: Recipe, problems: Problems) -> Helper | None:
    if recipe.method != "stacking":
        return None
    match how.stacking.WhichOneof("meta_model"):
        case "model":
            return read_helper(how.stacking.model, f"{PATH}.stacking.model", problems)
        case None:
            problems[f"{PATH}.stacking"] = "a meta-model expected: model or learnt"
    return None


def _check_sampling(how: EnsembleStrategy, problems: Problems) -> None:
    """What no model could do, by the field of the plan and not of each member that is overridden by it."""
    found = Found()
    check_overrides(Overrides(sampling=how.sampling), PATH, found)
    problems.update({one.field: one.description for one in found.found})


def _limit(how: EnsembleStrategy, problems: Problems) -> float | None:
    """What one answer may cost. Not 0: a price per token is known to be more only afterwards."""
    if not how.HasField("max_cost"):
        return None
    # Written so that NaN fails.
    if not 0 < how.max_cost < math.inf:
        problems[f"{PATH}.max_cost"] = f"a number above 0, got {how.max_cost:g}"
    return how.max_cost


def _number(
    how: EnsembleStrategy, field: str, least: float, most: float, problems: Problems, default: float = 0
) -> float:
    found: float = getattr(how, field) if how.HasField(field) else default
    # Written so that NaN fails.
    if least <= found <= most:
        return found
    problems[f"{PATH}.{field}"] = f"a number from {least:g} to {most:g} expected, got {found:g}"
    return default
