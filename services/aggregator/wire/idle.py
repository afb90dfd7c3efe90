"""What a plan says that does nothing: it is run as it is, and every reply of it tells so."""

from collections.abc import Iterator

from turnout.router.v1.strategy_pb2 import LAUNCH_STAGED, EnsembleStrategy

from services.aggregator.plan import BestOfN, Jury, MixtureOfN, Plan, Sequence
from services.aggregator.stopping import can_stop
from services.aggregator.wire.recipes import CASCADE, METHODS, without_effect

# Options of one method each.
OPTIONS = ("stacking", "semantic_mean", "json_majority")


def idle(how: EnsembleStrategy, plan: Plan) -> Iterator[str]:
    """A sentence for each setting of `how` that the plan made of it does not read."""
    jury = isinstance(plan.pattern, Jury)
    if jury and (said := without_effect(plan.recipe)):
        yield said
    if how.launch == LAUNCH_STAGED and not (jury and can_stop(plan.recipe)):
        yield "launch: STAGED has no effect: only the vote of a jury, by declared weights, is settled early"
    if not jury:
        yield from _of_a_jury(how, plan)
    does = f"the aggregation is {plan.recipe.method}" if jury else f"{plan.pattern.name} makes the answer"
    for field in OPTIONS:
        if how.HasField(field) and not (jury and plan.recipe.method == field):  # type: ignore[arg-type,unused-ignore]
            yield f"{field} has no effect: {does}"


def _of_a_jury(how: EnsembleStrategy, plan: Plan) -> Iterator[str]:
    """What other patterns do not read, and those of them that do not ask everybody."""
    name, method = plan.pattern.name, METHODS[how.aggregation]
    if isinstance(plan.pattern, Sequence):
        yield from _of_a_sequence(plan.pattern, len(plan.members))
    if how.aggregation and method != CASCADE:
        yield f"aggregation {method} has no effect: the pattern {name} combines by itself"
    if how.weight_source:
        yield f"weight_source has no effect: the pattern {name} weighs nothing"
    if how.HasField("full_panel_fraction"):
        yield "full_panel_fraction has no effect: only a jury may stop before everybody has answered"
    if isinstance(plan.pattern, BestOfN | MixtureOfN):
        return
    if plan.samples > 1:
        yield f"samples_per_member has no effect in the pattern {name}"
    if how.HasField("quorum"):
        yield f"quorum has no effect: the pattern {name} counts no answers"


def _of_a_sequence(pattern: Sequence, members: int) -> Iterator[str]:
    """What cannot come about: a router may have nobody else to ask, for their health or by a policy."""
    if pattern.agreement is not None and (asked := pattern.asked(members)) < pattern.agreement:
        yield f"agreement: {pattern.agreement} are wanted and {asked} is asked: no answer will ever do"
