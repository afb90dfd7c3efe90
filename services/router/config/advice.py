"""What is allowed and rarely meant: known mistakes of routers and ensembles, told when they are written."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from google.protobuf.duration_pb2 import Duration
from turnout.router.v1 import strategy_pb2 as strategies
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import REDACTION_HASHED, REDACTION_NONE, Policy, Router, Variant
from turnout.router.v1.strategy_pb2 import EnsembleStrategy, FeatureRule

from services.router.conditions import BadCondition, Schema, compile_value
from services.router.conditions.tokens import tokens_of
from services.router.config.defaults import weight_of
from services.router.config.idle import idle
from services.router.managing.aliases import model_of

MOST_TOLD = 20
# What redaction calls that part of a request which a name of conditions begins with.
REDACTED_AS = {"features": "input", "input": "input"}
HIDING = (REDACTION_HASHED, REDACTION_NONE)

Models = Mapping[str, Model]


def advice(router: Router, models: Models) -> list[str]:
    """Sentences about a router that has its defaults; `models` are those of its variants, by name."""
    found = [
        *_panels(router, models),
        *_routing(router),
        *_rules(router),
        *_segments(router),
        *idle(router, models),
    ]
    return list(dict.fromkeys(found))[:MOST_TOLD]


def _panels(router: Router, models: Models) -> Iterator[str]:
    if router.HasField("ensemble"):
        yield from _panel("The ensemble", router.ensemble, router, models)
    for policy in router.policies:
        if policy.HasField("ensemble"):
            yield from _panel(f"The ensemble of policy {policy.name}", policy.ensemble, router, models)


def _panel(name: str, panel: EnsembleStrategy, router: Router, models: Models) -> Iterator[str]:
    members = [
        one for one in router.variants if one.enabled and (one.id in panel.members or not panel.members)
    ]
    if len(members) < 2:
        yield f"{name} asks one member: route to that variant, and save the aggregator."
        return
    yield from _alike(name, members, models)
    yield from _one_rules(name, panel, members)
    yield from _slack(name, panel, router, members, models)
    if panel.aggregation == strategies.AGGREGATION_METHOD_VOTE and _may_tie(members):
        yield f"{name} lets an even number of members vote: {len(members)} votes can tie; add or drop one."
    if panel.quorum == len(members):
        yield (
            f"{name} needs all of its {len(members)} members to answer: one that hangs or fails, fails the "
            "prediction; a lower quorum goes on with the rest."
        )


def _alike(name: str, members: Sequence[Variant], models: Models) -> Iterator[str]:
    """Who errs alike cannot correct each other. What a model does not declare is not known."""
    known = [models[model_of(one)] for one in members if model_of(one) in models]
    if len(known) < len(members):
        return
    kinds: list[tuple[str, Callable[[Model], str]]] = [
        ("model", lambda model: model.name),
        ("family", lambda model: model.family),
        ("provider", lambda model: model.provider),
    ]
    for kind, of in kinds:
        values = {of(model).casefold() for model in known}
        if len(values) == 1 and values != {""}:
            yield (
                f"{name} is homogeneous: all members are of one {kind}, {of(known[0])}, and tend to be wrong "
                "together."
            )
            # Of one model they are of one family too; that needs no saying.
            return


def _one_rules(name: str, panel: EnsembleStrategy, members: Sequence[Variant]) -> Iterator[str]:
    """Declared weights under which the others can never change a vote."""
    if panel.aggregation != strategies.AGGREGATION_METHOD_VOTE:
        return
    leader = max(members, key=weight_of)
    others = sum(weight_of(one) for one in members) - weight_of(leader)
    # Two equal members tie, which is told elsewhere; of three, a leader as heavy as both is never outvoted.
    if weight_of(leader) > others or (weight_of(leader) == others and len(members) > 2):
        yield (
            f"{name} is a kitchen sink: {leader.id} has weight {weight_of(leader):g}, the others together "
            f"{others:g}, so they never outvote it; one model would do."
        )


def _may_tie(members: Sequence[Variant]) -> bool:
    weights = {weight_of(one) for one in members if weight_of(one) > 0}
    return len(weights) == 1 and sum(weight_of(one) > 0 for one in members) % 2 == 0


def _slack(
    name: str, panel: EnsembleStrategy, router: Router, members: Sequence[Variant], models: Models
) -> Iterator[str]:
    """Timeouts that leave no time to go on with the rest. A model's own holds beside member_timeout."""
    deadline = _seconds(router.default_deadline)
    limit = _seconds(panel.member_timeout) or float("inf")
    slow, unbounded = [], []
    for one in members:
        model = models.get(model_of(one))
        own = _seconds(model.timeout) if model is not None else 0.0
        mine = min(limit, own or float("inf"))
        if mine == float("inf"):
            unbounded.append(one.id)
        elif mine >= deadline:
            slow.append(f"{one.id} ({mine:g} s)")
    if unbounded:
        yield f"{name} has members without a timeout, {_some(unbounded)}: set member_timeout."
    if slow:
        yield (
            f"{name} gives members as long as the whole prediction has, {deadline:g} s, or longer: "
            f"{_some(slow)}; if one hangs, no time is left for the rest. Set a shorter member_timeout."
        )


def _routing(router: Router) -> Iterator[str]:
    canary, bandit = router.canary, router.bandit
    if router.HasField("canary") and not (canary.HasField("promotion_criteria") or canary.guardrails):
        yield (
            "The canary has neither promotion_criteria nor guardrails: it keeps its percentage, good or bad, "
            "until somebody changes it."
        )
    greedy = bandit.algorithm == strategies.BANDIT_ALGORITHM_EPSILON_GREEDY
    if router.HasField("bandit") and greedy and not (bandit.exploration_rate or bandit.floor):
        yield (
            "The bandit never explores (exploration_rate 0, floor 0): a variant that starts badly is never "
            "tried again."
        )
    if router.HasField("weighted"):
        chosen = [one for one in router.variants if one.enabled and weight_of(one) > 0]
        if len(chosen) == 1 and not router.policies:
            yield f"Only {chosen[0].id} has a weight above 0: no other variant is ever chosen."


def _rules(router: Router) -> Iterator[str]:
    enabled = [(policy.name, policy) for policy in router.policies if policy.enabled]
    yield from _shadowed("Policy", enabled)
    if router.HasField("feature_based"):
        yield from _shadowed(
            "Rule", [(f"rules[{n}]", one) for n, one in enumerate(router.feature_based.rules)]
        )


def _shadowed(kind: str, rules: Sequence[tuple[str, Policy | FeatureRule]]) -> Iterator[str]:
    """Rules that an earlier one leaves nothing to."""
    first: dict[bytes, str] = {}
    always = ""
    for name, rule in sorted(rules, key=lambda one: one[1].priority):
        said = _condition(rule)
        if always:
            yield f"{kind} {name} is never reached: {always} always holds before it."
        elif said in first:
            yield f"{kind} {name} is never reached: {first[said]} has the same condition and comes before it."
        first.setdefault(said, name)
        if said == _condition(FeatureRule(condition="true")):
            always = always or name


def _condition(rule: Policy | FeatureRule) -> bytes:
    """A condition such that two that are spelled alike, but for spaces, are equal."""
    if not rule.condition:
        return rule.rule.SerializeToString(deterministic=True)
    try:
        return "\0".join(token.text for token in tokens_of(rule.condition)).encode()
    except BadCondition:
        return rule.condition.encode()


def _segments(router: Router) -> Iterator[str]:
    """Values of segments are stored in clear, whatever is held back elsewhere."""
    schema = Schema(headers=frozenset(router.allowed_headers))
    hidden = {name for name, how in router.log.redact.items() if how in HIDING}
    for segment in router.segments:
        try:
            names = compile_value(segment.expression, schema).names
        except BadCondition:
            continue
        bare = {name.partition(".")[2] for name in names}
        words = {REDACTED_AS.get(name.partition(".")[0], name) for name in names}
        if "input.text" in names:
            yield f"Segment {segment.name} is made of what people write, and its values are stored in clear."
        elif found := sorted((bare | words) & hidden):
            yield (
                f"Segment {segment.name} reads {_some(found)}, which log.redact holds back: its values are "
                "stored in clear."
            )


def _seconds(span: Duration) -> float:
    return span.ToNanoseconds() / 1e9


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
