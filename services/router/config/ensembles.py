"""The checks of ensembles: who takes part, who helps, how answers are combined, and within which limits."""

import math
from collections.abc import Collection, Mapping

from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.overrides_pb2 import Overrides
from turnout.router.v1.router_pb2 import Router

from services.models.overriding import check_overrides
from services.models.problems import Problems as Found
from services.router.config import checks
from services.router.config.answers import check_extraction
from services.router.config.combining import AGGREGATIONS, embeds, misfits, uncombined
from services.router.config.costs import check_cost
from services.router.config.defaults import weight_of
from services.router.config.mentions import variant_named
from services.router.config.overrides import misfits as cannot_override
from services.router.config.panels import (
    ALL_ANSWER,
    Helping,
    Panel,
    has_columns,
    indispensable,
    panels_in,
    seated,
)
from services.router.config.patterns import check_pattern
from services.router.config.problems import Problems
from services.router.config.spans import check_span
from services.router.config.stackers import check_learnt
from services.router.config.verifiers import misread

WEIGHING = (strategy.AGGREGATION_METHOD_VOTE, strategy.AGGREGATION_METHOD_WEIGHTED_AVERAGE)
# Seconds that a member may be given, on top of which its model's own timeout holds.
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 0.001, 3600.0
MOST_SAMPLES = 16
# A system prompt of its own would take the place of what it is told to do.
NO_PROMPT = "left out: what a helper is told is its rubric or instruction"
MOST_RETRIES = 3


def check(
    router: Router, names: Collection[str], declared: Mapping[str, Model] | None, problems: Problems
) -> None:
    """Everything about router.ensemble and the ensembles of policies, which have their defaults. `names` are
    those of registered models, `declared` those that are known in full, None where they were when they were
    written."""
    _subsets(router, problems)
    for panel in panels_in(router, declared or {}):
        _aggregation(panel, problems)
        _members(panel, problems)
        _numbers(panel, problems)
        _options(panel, declared is not None, problems)
        check_cost(panel, problems)
        check_pattern(panel, problems)
        for one in panel.helpers:
            checks.model(f"{one.path}.model", one.helper.model, names, problems)
            _helper(one, panel, problems)
        for field, said in (*misfits(panel), *misread(panel)):
            problems.add(field, said)


def _subsets(router: Router, problems: Problems) -> None:
    """A policy may leave members of the router's ensemble out, but none whom nobody can stand in for."""
    wanted = indispensable(router.ensemble, seated(router.ensemble, router))
    for place, policy in enumerate(router.policies):
        named = {variant_named(router, one) for one in policy.subset.variants}
        if policy.HasField("subset") and (lost := [one for one in wanted if one not in named]):
            said = f"leaves {lost[0]} out, which router.ensemble cannot do without"
            problems.add(f"router.policies[{place}].subset.variants", said)


def _aggregation(panel: Panel, problems: Problems) -> None:
    given, field = panel.given, panel.field
    if given.aggregation and given.aggregation not in AGGREGATIONS:
        said = f"one of {', '.join(AGGREGATIONS.values())}; got {int(given.aggregation)}"
        problems.add(f"{field}.aggregation", said)
    if given.aggregation == strategy.AGGREGATION_METHOD_CASCADE and panel.pattern != "cascade":
        problems.add(f"{field}.aggregation", f"leave it out: cascade is a pattern, as {panel.pattern} is")
    for name, kind in (("weight_source", strategy.WeightSource), ("launch", strategy.Launch)):
        if getattr(given, name) not in kind.values():
            offered = ", ".join(kind.keys()[1:])
            problems.add(f"{field}.{name}", f"one of {offered}; got {int(getattr(given, name))}")


def _members(panel: Panel, problems: Problems) -> None:
    given, field = panel.given, panel.field
    if len(set(given.members)) < len(given.members):
        problems.add(f"{field}.members", "a member is named twice")
    for place, member in enumerate(given.members):
        if member not in panel.everybody:
            said = f"{member[:100]!r} is no variant of this router"
            problems.add(f"{field}.members[{place}]", said)
        elif has_columns(given) and member not in panel.ids:
            said = f"an enabled variant: the meta-model has columns for {member}, which is disabled"
            problems.add(f"{field}.members[{place}]", said)
    # Its default counts those who are named, whoever they are; what is wrong is told of them.
    strange = any(one not in panel.everybody for one in given.members)
    needed = (panel.pattern in ALL_ANSWER or given.HasField("quorum")) and panel.members and not strange
    if needed and not 1 <= given.quorum <= len(panel.members):
        said = f"1 to {len(panel.members)}, the number of enabled members; got {given.quorum}"
        problems.add(f"{field}.quorum", said)
    elif not panel.members and not strange:
        problems.add(f"{field}.members", "at least one that is enabled")
    weighing = not panel.pattern and given.aggregation in WEIGHING
    if weighing and panel.members and not any(weight_of(one) > 0 for one in panel.members):
        problems.add("router.variants", "at least one member of the ensemble needs a weight above 0")


def _numbers(panel: Panel, problems: Problems) -> None:
    given, field = panel.given, panel.field
    if given.HasField("member_timeout"):
        timeout = f"{field}.member_timeout"
        check_span(given.member_timeout, timeout, SHORTEST_TIMEOUT, LONGEST_TIMEOUT, problems)
    if given.HasField("full_panel_fraction") and not 0 <= given.full_panel_fraction <= 1:
        problems.add(f"{field}.full_panel_fraction", f"0 to 1, got {given.full_panel_fraction:g}")
    if given.HasField("max_cost") and not 0 < given.max_cost < math.inf:
        problems.add(f"{field}.max_cost", f"a number above 0, got {given.max_cost:g}")
    for name, least, most in (("samples_per_member", 1, MOST_SAMPLES), ("member_retries", 0, MOST_RETRIES)):
        if given.HasField(name) and not least <= getattr(given, name) <= most:  # type: ignore[arg-type,unused-ignore]
            problems.add(f"{field}.{name}", f"{least} to {most}, got {getattr(given, name)}")
    if given.HasField("sampling"):
        found = Found()
        check_overrides(Overrides(sampling=given.sampling), field, found)
        problems.wrong += found.found


def _options(panel: Panel, known: bool, problems: Problems) -> None:
    given, field = panel.given, panel.field
    if given.HasField("extraction"):
        check_extraction(given.extraction, f"{field}.extraction", problems)
    stacking = not panel.pattern and given.aggregation == strategy.AGGREGATION_METHOD_STACKING
    chosen = given.stacking.WhichOneof("meta_model")
    if chosen is None and (stacking or given.HasField("stacking")):
        said = (
            "needs a meta-model: model, a registered one, or learnt, coefficients as FitStacker learns them"
        )
        problems.add(f"{field}.stacking", said)
    elif chosen == "learnt":
        check_learnt(given.stacking.learnt, panel, f"{field}.stacking.learnt", problems)
    meaning = not panel.pattern and given.aggregation == strategy.AGGREGATION_METHOD_SEMANTIC_MEAN
    fits = not any(uncombined(panel))
    if meaning and known and fits and not given.HasField("semantic_mean") and not embeds(panel):
        said = "is required: the model that embeds the members' answers"
        problems.add(f"{field}.semantic_mean.embedder", said)
    majority = given.json_majority
    if majority.HasField("tolerance") and not 0 <= majority.tolerance <= 1:
        problems.add(f"{field}.json_majority.tolerance", f"0 to 1, got {majority.tolerance:g}")


def _helper(one: Helping, panel: Panel, problems: Problems) -> None:
    """Its timeout, and what it does otherwise than its model."""
    helper, path = one.helper, one.path
    if helper.HasField("timeout"):
        check_span(helper.timeout, f"{path}.timeout", SHORTEST_TIMEOUT, LONGEST_TIMEOUT, problems)
    if not helper.HasField("overrides"):
        return
    if helper.overrides.system_prompt:
        problems.add(f"{path}.overrides.system_prompt", NO_PROMPT)
    found, model = Found(), panel.models.get(helper.model)
    check_overrides(helper.overrides, f"{path}.overrides", found)
    if not found and model is not None:
        for field, said in cannot_override(helper.overrides, model):
            found.add(f"{path}.{field}", f"{said} ({model.name} has not)")
    problems.wrong += found.found
