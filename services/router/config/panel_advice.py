"""Known mistakes of ensembles, told when they are written: who sits in them, and how long they may take.
Each sentence has the number that it rests on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf

from google.protobuf.duration_pb2 import Duration
from turnout.router.v1 import strategy_pb2 as strategies
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router, Variant

from services.router.config.defaults import weight_of
from services.router.config.panels import ALL_ANSWER, IN_ORDER, Panel, panels_in
from services.router.config.pattern_advice import working_together
from services.router.managing.aliases import spelled

MOST_NAMED = 5


def panels(router: Router, models: Mapping[str, Model]) -> Iterator[str]:
    """Sentences about the ensembles of a router that has its defaults; `models` by name."""
    for panel in panels_in(router, spelled(router, models)):
        if len(panel.members) < 2:
            yield f"{panel.title} asks one member: route to that variant, and save the aggregator."
            continue
        yield from _alike(panel)
        if not panel.pattern:
            yield from _votes(panel)
            yield from _unlike(panel)
        yield from _slack(panel, _seconds(router.default_deadline))
        if panel.pattern in ALL_ANSWER and panel.given.quorum == len(panel.members):
            yield (
                f"{panel.title} needs all of its {len(panel.members)} members to answer: one that hangs or "
                "fails, fails the prediction; a lower quorum goes on with the rest."
            )
        yield from working_together(panel)
        if panel.field == "router.ensemble" and panel.pattern in ALL_ANSWER:
            yield from _smaller(panel, router)
        if panel.field == "router.ensemble" and panel.given.cascade.agreement:
            yield from _agreeing(panel, router)


def _smaller(panel: Panel, router: Router) -> Iterator[str]:
    """Policies that leave fewer members than the quorum, which is lower there."""
    for policy in router.policies:
        left = sum(one in policy.subset.variants for one in panel.ids)
        if policy.enabled and policy.HasField("subset") and 0 < left < panel.given.quorum:
            yield (
                f"Policy {policy.name} leaves {left} of {len(panel.members)} members: the quorum of "
                f"{panel.given.quorum} is {left} there; give it an ensemble of its own, or more members."
            )


def _agreeing(panel: Panel, router: Router) -> Iterator[str]:
    """Policies that leave fewer members than a cascade wants to agree."""
    wanted, asked = panel.given.cascade.agreement, [one.id for one in panel.asked]
    for policy in router.policies:
        left = sum(one in policy.subset.variants for one in asked)
        if policy.enabled and policy.HasField("subset") and 0 < left < wanted:
            so = f"is {left} there" if left > 1 else "cannot come about there, and no answer will ever do"
            yield (
                f"Policy {policy.name} leaves {left} of {len(asked)} members: the agreement of {wanted} "
                f"{so}; give it an ensemble of its own, or more members."
            )


def _alike(panel: Panel) -> Iterator[str]:
    """Who errs alike cannot correct each other. What a model does not declare is not known."""
    known = [model for _, model in panel.known]
    if len(known) < len(panel.members) or panel.pattern == "specialists":
        return
    # Of one model they are of one family too, and each other's twins; that needs no saying.
    if len({model.name for model in known}) > 1:
        yield from _twins(panel)
    kinds: list[tuple[str, Callable[[Model], str]]] = [
        ("model", lambda model: model.name),
        ("family", lambda model: model.family),
        ("provider", lambda model: model.provider),
    ]
    for kind, of in kinds:
        values = {of(model).casefold() for model in known}
        if len(values) == 1 and values != {""}:
            yield (
                f"{panel.title} is homogeneous: all {len(known)} members are of one {kind}, {of(known[0])}, "
                "and tend to be wrong together."
            )
            return


def _twins(panel: Panel) -> Iterator[str]:
    """Members that cannot answer differently, but for chance."""
    first: dict[tuple[str, bytes], str] = {}
    for variant, model in panel.known:
        said = variant.overrides.SerializeToString(deterministic=True)
        other = first.setdefault((model.name, said), variant.id)
        if other != variant.id:
            yield (
                f"{panel.title} is a kitchen sink: {other} and {variant.id} are 2 members of one model, "
                f"{model.name}, with the same overrides; one of them would do."
            )


def _votes(panel: Panel) -> Iterator[str]:
    """Declared weights under which the others can never change a vote, or nobody has the last word."""
    members = panel.members
    if panel.given.aggregation != strategies.AGGREGATION_METHOD_VOTE:
        return
    leader = max(members, key=weight_of)
    others = sum(weight_of(one) for one in members) - weight_of(leader)
    # Two equal members tie, which is told below; of three, a leader as heavy as both is never outvoted.
    if weight_of(leader) > others or (weight_of(leader) == others and len(members) > 2):
        yield (
            f"{panel.title} is a kitchen sink: {leader.id} has weight {weight_of(leader):g}, the others "
            f"together {others:g}, so they never outvote it; one model would do."
        )
    if _may_tie(members):
        yield (
            f"{panel.title} lets an even number of members vote: {len(members)} votes can tie; add or drop "
            "one."
        )


def _unlike(panel: Panel) -> Iterator[str]:
    """Methods that need more than two."""
    method, members = panel.given.aggregation, panel.members
    level = len({weight_of(one) for one in members}) == 1
    if method == strategies.AGGREGATION_METHOD_SEMANTIC_MEAN and len(members) == 2 and level:
        yield (
            f"{panel.title} has 2 members of equal weight, whose answers are always as near to their mean: "
            "the first declared is served each time; add one, or weigh them."
        )


def _may_tie(members: Sequence[Variant]) -> bool:
    weights = {weight_of(one) for one in members if weight_of(one) > 0}
    return len(weights) == 1 and sum(weight_of(one) > 0 for one in members) % 2 == 0


def _slack(panel: Panel, deadline: float) -> Iterator[str]:
    """Timeouts that leave no time to go on with the rest. A model's own holds beside member_timeout."""
    patience = {one.id: _patience(panel, one) for one in panel.asked}
    unbounded = [name for name, seconds in patience.items() if seconds == inf]
    slow = [f"{name} ({seconds:g} s)" for name, seconds in patience.items() if deadline <= seconds < inf]
    if unbounded:
        yield f"{panel.title} has members without a timeout, {_some(unbounded)}: set member_timeout."
    if slow:
        yield (
            f"{panel.title} gives members as long as the whole prediction has, {deadline:g} s, or longer: "
            f"{_some(slow)}; if one hangs, no time is left for the rest. Set a shorter member_timeout."
        )
    together = sum(patience.values())
    if panel.pattern in IN_ORDER and not slow and deadline < together < inf:
        yield (
            f"{panel.title} asks {len(patience)} members one after the other, with timeouts of "
            f"{together:g} s together, and the whole prediction has {deadline:g} s: if the first hang, the "
            "last have no time. Set a shorter member_timeout."
        )


def _patience(panel: Panel, member: Variant) -> float:
    limit = _seconds(panel.given.member_timeout) or inf
    model = panel.models.get(member.model)
    return min(limit, (_seconds(model.timeout) if model is not None else 0.0) or inf)


def _seconds(span: Duration) -> float:
    return span.ToNanoseconds() / 1e9


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
