"""What a router says that does nothing: stored as it is, and told when it is written."""

from collections.abc import Iterator, Mapping, Sequence

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Policy, Router

from services.router.config.mentions import variant_named
from services.router.config.weighing import NAMING, by_weights_at_last, chosen_by
from services.router.deciding.terms import policy_terms, reaches
from services.router.managing.aliases import model_of

MOST_NAMED = 5
# Strategies that have no shares of a draw, and what they do instead. A canary's percentage is one.
UNSHARED = {one: f"chooses {how}" for one, how in NAMING.items() if one != "canary"}
UNSHARED["ensemble"] = "asks all of its members"


def idle(router: Router, models: Mapping[str, Model]) -> Iterator[str]:
    """Sentences about a router that has its defaults; `models` are those of its variants, by name."""
    yield from _weights(router)
    yield from _beside_a_canary(router)
    yield from _policies(router)
    yield from _options(router)
    yield from _hedging(router, models)
    # Of a model that has no room no call is made, and the one that is allowed is left to who follows.
    bounded = any(model.max_concurrency for model in models.values())
    if router.fallback.variants and router.fallback.max_attempts == 1 and not bounded:
        yield (
            "The fallback's variants are never asked: max_attempts of 1 is the call of whoever is drawn; "
            "write 2 or more, or leave it out."
        )


def _weights(router: Router) -> Iterator[str]:
    name, how = router.WhichOneof("strategy") or "weighted", chosen_by(router)
    if not how:
        return
    # Who is named answers, whatever its weight; the others never choose who has a weight of 0.
    counts = name in NAMING
    given = [one for one in router.variants if one.HasField("weight") and (counts or one.weight > 0)]
    # Equal weights are what an echo of the defaults looks like to whoever writes it back.
    if given and any(one.weight != 1 for one in given):
        some = _some([one.id for one in given])
        kept = "" if counts else ", except that 0 means never"
        yield f"The weights of {some} do nothing: {name} chooses {how}{kept}."


def _beside_a_canary(router: Router) -> Iterator[str]:
    if not router.HasField("canary") or router.policies:
        return
    canary = router.canary
    taking = {canary.baseline_model, canary.canary_model, *router.fallback.variants, *router.mirror.variants}
    if idle := [one.id for one in router.variants if one.enabled and one.id not in taking]:
        two = f"{canary.baseline_model} and {canary.canary_model}"
        yield f"Nothing is sent to {_some(idle)}: the canary has {two}, and nothing else names it."


def _policies(router: Router) -> Iterator[str]:
    disabled = {one.id for one in router.variants if not one.enabled}
    for policy in router.policies:
        named = [variant_named(router, one) or one for one in _named(policy)]
        if policy.enabled and (why := _unreached(router, policy, bool(named) and disabled.issuperset(named))):
            whom = f"nobody whom it names ({_some(named)})" if named else "nobody"
            yield (
                f"Policy {policy.name} is passed over: {whom} {why}; "
                "a request that it holds for goes on to the next policy."
            )
    for place, rule in enumerate(router.feature_based.rules):
        if variant_named(router, rule.model) in disabled:
            yield f"Rule rules[{place}] is passed over: {rule.model}, which it names, is disabled."


def _unreached(router: Router, policy: Policy, disabled: bool) -> str:
    """Why a policy leads to nobody, were everybody well; empty where it leads to somebody."""
    if disabled:
        return "is enabled"
    if policy.HasField("ensemble") or reaches(*policy_terms(router, policy)):
        return ""
    if policy.HasField("subset") and router.HasField("canary"):
        return f"is of the canary, which has {router.canary.baseline_model} and {router.canary.canary_model}"
    if policy.HasField("subset") and router.HasField("shadow"):
        return f"is the primary, which is {router.shadow.primary}"
    return "has a weight above 0"


def _named(policy: Policy) -> list[str]:
    match policy.WhichOneof("action"):
        case "variant":
            return [policy.variant]
        case "subset":
            return list(policy.subset.variants)
        case "ensemble":
            return list(policy.ensemble.members)
        case "strategy":
            return list(policy.strategy.variants)
    return []


def _options(router: Router) -> Iterator[str]:
    """A strategy that names who answers, or asks everybody, leaves nothing to what changes shares; a policy
    may lead to one that does not."""
    name = router.WhichOneof("strategy") or "weighted"
    if name in UNSHARED and not router.policies and not by_weights_at_last(router):
        options = [("stickiness", router.stickiness.enabled), ("ramp", router.HasField("ramp"))]
        options.append(("bounds", router.HasField("bounds")))
        for option in (option for option, given in options if given):
            yield f"The option {option} does nothing: {name} {UNSHARED[name]}."
    if router.HasField("mirror") and router.mirror.percentage == 0:
        yield "Nothing is copied: mirror.percentage is 0."


def _hedging(router: Router, models: Mapping[str, Model]) -> Iterator[str]:
    if not router.hedging.enabled:
        return
    alone = [
        one.id
        for one in router.variants
        if one.enabled
        and (model := models.get(model_of(one))) is not None
        and len(model.endpoints) < 2
        and not any(other != one.id for other in router.fallback.variants)
    ]
    if alone:
        yield (
            f"Hedging does nothing for {_some(alone)}: one endpoint each, and no other in fallback.variants "
            "that could race them; add an endpoint or a fallback."
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
