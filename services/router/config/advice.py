"""What is allowed and rarely meant: known mistakes of routers and ensembles, told when they are written."""

from collections.abc import Iterator, Mapping, Sequence

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import REDACTION_HASHED, REDACTION_NONE, Policy, Router
from turnout.router.v1.strategy_pb2 import FeatureRule

from services.router.conditions import BadCondition, Schema, compile_value
from services.router.conditions.tokens import tokens_of
from services.router.config import bandits, canaries, experiments
from services.router.config.defaults import weight_of
from services.router.config.idle import idle
from services.router.config.panel_advice import panels
from services.router.strategies import BY_LOAD

MOST_TOLD = 20
# What redaction calls that part of a request which a name of conditions begins with.
REDACTED_AS = {"features": "input", "input": "input"}
HIDING = (REDACTION_HASHED, REDACTION_NONE)

Models = Mapping[str, Model]


def advice(router: Router, models: Models) -> list[str]:
    """Sentences about a router that has its defaults; `models` are those of its variants and helpers, by
    name."""
    found = [
        *panels(router, models),
        *_routing(router),
        *canaries.advice(router),
        *bandits.advice(router, models),
        *experiments.advice(router),
        *_rules(router),
        *_segments(router),
        *idle(router, models),
    ]
    return list(dict.fromkeys(found))[:MOST_TOLD]


def _routing(router: Router) -> Iterator[str]:
    if router.HasField("weighted"):
        chosen = [one for one in router.variants if one.enabled and weight_of(one) > 0]
        if len(chosen) == 1 and not router.policies:
            yield f"Only {chosen[0].id} has a weight above 0: no other variant is ever chosen."
    name = router.WhichOneof("strategy")
    if name in BY_LOAD and router.stickiness.enabled and not router.stickiness.pin:
        yield (
            f"Stickiness keeps nobody's variant here: {name} has other shares from one request to the next, "
            "and the hash follows them; with stickiness.pin an entity keeps what it first got."
        )


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


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
