"""Known mistakes in how members work together: what does nothing, costs more than it need, or checks itself.
Each sentence has the number that it rests on."""

from collections.abc import Iterator, Sequence

from turnout.router.v1 import strategy_pb2 as strategies
from turnout.router.v1.model_pb2 import (
    PROTOCOL_OPENAI_CHAT,
    Model,
)
from turnout.router.v1.router_pb2 import Variant
from turnout.router.v1.strategy_pb2 import AGGREGATION_METHOD_CASCADE, LAUNCH_STAGED

from services.router.config.combining import AGGREGATIONS, TEXT, kind_of
from services.router.config.confidences import WEIGHING, tells_confidence
from services.router.config.panels import ALL_ANSWER, IN_ORDER, JUDGE, VERIFIER, Panel
from services.router.config.verifiers import unsure_verdicts

# Fewer have to be asked almost all before a vote is settled.
LEAST_STAGED = 5
# What declared weights alone decide, so that it can be settled early.
SETTLED_BY = (strategies.WEIGHT_SOURCE_UNSPECIFIED, strategies.WEIGHT_SOURCE_DECLARED)
# Of a call with a thousand tokens read and a thousand written, by which cascades are ordered.
PRICES = ("per_call", "input_per_1k_tokens", "output_per_1k_tokens")


def working_together(panel: Panel) -> Iterator[str]:
    """Sentences about an ensemble that has its defaults."""
    yield from _staged(panel)
    yield from _nothing(panel)
    yield from _unsure(panel)
    yield from _dear(panel)
    yield from _partial(panel)
    yield from _samples(panel)
    yield from _unfitted(panel)
    yield from unsure_verdicts(panel)


def price_of(model: Model) -> float | None:
    """What a call of the model costs; None where it declares nothing.

    >>> price_of(Model(cost={"per_call": 0.5, "input_per_1k_tokens": 1})), price_of(Model())
    (1.5, None)
    """
    cost = model.cost
    given = [getattr(cost, name) for name in PRICES if cost.HasField(name)]  # type: ignore[arg-type,unused-ignore]
    return sum(given) if given else None


def _staged(panel: Panel) -> Iterator[str]:
    given, count = panel.given, len(panel.members)
    if given.launch != LAUNCH_STAGED:
        return
    by_weight = given.aggregation == strategies.AGGREGATION_METHOD_VOTE and given.weight_source in SETTLED_BY
    if panel.pattern or not by_weight:
        yield f"{panel.title} is launched in stages for nothing: only a vote by weights is settled early."
    elif count < LEAST_STAGED:
        yield (
            f"{panel.title} is launched in stages with {count} members: it saves little below "
            f"{LEAST_STAGED}, and a reply waits for the second stage."
        )
    if not panel.pattern and not given.full_panel_fraction:
        yield (
            f"{panel.title} never asks everybody (full_panel_fraction 0): divergence, advice and stacking "
            "learn from full panels alone."
        )


def _nothing(panel: Panel) -> Iterator[str]:
    """Settings without effect."""
    given, method = panel.given, AGGREGATIONS.get(panel.given.aggregation, "")
    if panel.pattern and method and given.aggregation != AGGREGATION_METHOD_CASCADE:
        does = f"its answer is made by {panel.pattern}"
        yield f"{panel.title} has the aggregation {method}, which does nothing: {does}."
    if panel.pattern not in ALL_ANSWER and given.samples_per_member > 1:
        yield (
            f"{panel.title} has samples_per_member {given.samples_per_member}, which does nothing: "
            f"{panel.pattern} asks a member once."
        )
    yield from _of_a_jury(panel)
    yield from _idle_options(panel, method)
    for name in ("stacking", "semantic_mean", "json_majority"):
        if given.HasField(name) and (panel.pattern or method != name):  # type: ignore[arg-type,unused-ignore]
            does = panel.pattern or method
            yield f"{panel.title} has {name}, which does nothing: its answer is made by {does}."


def _of_a_jury(panel: Panel) -> Iterator[str]:
    """What a pattern does not read."""
    given, does = panel.given, f"{panel.pattern} makes the answer"
    if panel.pattern not in ALL_ANSWER and given.HasField("quorum"):
        yield (
            f"{panel.title} has a quorum of {given.quorum}, which does nothing: {panel.pattern} goes on "
            "until an answer will do, and counts none."
            if panel.pattern in IN_ORDER
            else f"{panel.title} has a quorum of {given.quorum}, which does nothing: {panel.pattern} needs "
            "each step that is not optional."
        )
    if panel.pattern and given.weight_source:
        yield f"{panel.title} has a weight_source, which does nothing: {does}."
    if panel.pattern and given.HasField("full_panel_fraction"):
        yield (
            f"{panel.title} has full_panel_fraction {given.full_panel_fraction:g}, which does nothing: only "
            "a jury may stop before everybody has answered."
        )


def _idle_options(panel: Panel, method: str) -> Iterator[str]:
    given, kinds = panel.given, [kind_of(model) for _, model in panel.known]
    if given.weight_source and not panel.pattern and method not in WEIGHING:
        yield f"{panel.title} has a weight_source, which does nothing: {method} weighs nothing."
    if TEXT in kinds or len(kinds) < len(panel.members):
        return
    for name in ("sampling", "extraction"):
        if given.HasField(name):  # type: ignore[arg-type,unused-ignore]
            said = f"none of its {len(kinds)} members answers text"
            yield f"{panel.title} has {name}, which does nothing: {said}."


def _unsure(panel: Panel) -> Iterator[str]:
    """A cascade by confidence over models that tell none asks everybody, always."""
    cascade = panel.given.cascade
    if panel.pattern != "cascade" or not cascade.HasField("min_confidence"):
        return
    asked = {one.id for one in panel.asked}
    known = [(variant.id, model) for variant, model in panel.known if variant.id in asked]
    mute = [name for name, model in known if not tells_confidence(model)]
    if mute and cascade.min_confidence > 0:
        yield (
            f"{panel.title} waits for a confidence of {cascade.min_confidence:g}, and {len(mute)} of "
            f"{len(asked)} members tell none ({_some(mute)}): their answers never will do. Give "
            "their models confidence_from, or the cascade an agreement or a check instead."
        )


def _dear(panel: Panel) -> Iterator[str]:
    """Costs that could be lower, and a limit that nobody can keep."""
    prices = {variant.id: price_of(model) for variant, model in panel.known}
    known = {name: price for name, price in prices.items() if price is not None}
    order = panel.given.cascade.order
    if panel.pattern == "cascade" and order and order[0] in known:
        cheapest = min((name for name in order if name in known), key=lambda name: known[name])
        if known[cheapest] < known[order[0]]:
            yield (
                f"{panel.title} asks {order[0]} first, at {known[order[0]]:g} a call, and {cheapest} costs "
                f"{known[cheapest]:g}: a cascade saves by beginning with the cheapest."
            )
    unpriced = [name for name, price in prices.items() if price is None]
    if panel.given.HasField("max_cost") and unpriced:
        yield (
            f"{panel.title} may cost {panel.given.max_cost:g}, and {len(unpriced)} of {len(panel.members)} "
            f"members declare no cost ({_some(unpriced)}): what they cost is not counted."
        )
    metered = [
        variant.id
        for variant, model in panel.known
        if model.cost.input_per_1k_tokens or model.cost.output_per_1k_tokens
    ]
    if panel.given.HasField("max_cost") and metered:
        yield (
            f"{panel.title} may cost {panel.given.max_cost:g}, and {len(metered)} of {len(panel.members)} "
            f"members are paid by the token ({_some(metered)}): what that comes to is known when a call has "
            "ended, and those in flight together may cost more."
        )


def _partial(panel: Panel) -> Iterator[str]:
    """Who is of one family with those whom it judges overlooks their mistakes, and prefers their style."""
    for one in panel.helpers:
        model = panel.models.get(one.helper.model)
        if one.role not in (VERIFIER, JUDGE) or model is None or not model.family:
            continue
        kin = [who.id for who, known in panel.known if known.family.casefold() == model.family.casefold()]
        if kin:
            yield (
                f"{panel.title} has its {one.role}, {model.name}, judge {len(kin)} of {len(panel.members)} "
                f"members of its own family, {model.family} ({_some(kin)}): it tends to overlook their "
                "mistakes."
            )


def _samples(panel: Panel) -> Iterator[str]:
    """Several answers of who always says the same."""
    count = panel.given.samples_per_member
    if panel.pattern not in ALL_ANSWER or count < 2:
        return
    fixed = [variant.id for variant, model in panel.known if _always_the_same(panel, variant, model)]
    if fixed:
        yield (
            f"{panel.title} asks each member {count} times, and {len(fixed)} of {len(panel.members)} give "
            f"the same answer each time ({_some(fixed)}): no chat, or of temperature 0."
        )


def _unfitted(panel: Panel) -> Iterator[str]:
    """Members that came, and others that went, since a meta-model was fitted."""
    given, asked = panel.given, [one.id for one in panel.members]
    fitted = given.stacking.learnt.members
    if panel.pattern or given.aggregation != strategies.AGGREGATION_METHOD_STACKING or not fitted:
        return
    if new := [name for name in asked if name not in fitted]:
        yield (
            f"{panel.title} asks {len(asked)} members, and its meta-model was not fitted on {len(new)} of "
            f"them ({_some(new)}): they cost and have no say. Fit it again, or leave them out."
        )
    if gone := [name for name in fitted if name not in asked]:
        yield (
            f"{panel.title} has a meta-model that was fitted on {len(fitted)} members, and does not ask "
            f"{len(gone)} of them ({_some(gone)}): it takes their means instead. Fit it again."
        )


def _always_the_same(panel: Panel, variant: Variant, model: Model) -> bool:
    if model.protocol != PROTOCOL_OPENAI_CHAT:
        return True
    for sampling in (variant.overrides.sampling, panel.given.sampling):
        if sampling.HasField("temperature"):
            return sampling.temperature == 0
    return False


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
