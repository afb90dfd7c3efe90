"""A router in words."""

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.text import Text
from turnout.router.v1 import canary_pb2, router_pb2
from turnout.router.v1.router_pb2 import Router, RouterState, Variant

from services.cli import tables
from services.cli.numbers import moment, number, percent
from services.cli.speech import plain

STYLE: Mapping[int, str] = {
    router_pb2.ROUTER_STATE_RUNNING: "green",
    router_pb2.ROUTER_STATE_DEPLOYING: "yellow",
    router_pb2.ROUTER_STATE_FAILED: "bold red",
}


def state(router: Router) -> Text:
    """Where it is in its life."""
    if router.HasField("delete_time"):
        return Text("deleted", style="dim")
    word = RouterState.Name(router.state).removeprefix("ROUTER_STATE_").lower()
    return Text(word, style=STYLE.get(router.state, "dim"))


def strategy(router: Router) -> str:
    """Its strategy, with what people ask of it first."""
    name = router.WhichOneof("strategy") or "weighted"
    if name == "canary":
        canary = router.canary
        stands = canary_pb2.CanaryState.Name(canary.trial.state).removeprefix("CANARY_STATE_").lower()
        told = f"canary {canary.canary_model} at {canary.canary_percentage:g} %"
        return plain(told if stands == "unspecified" else f"{told}, {stands.replace('_', ' ')}")
    return name.replace("_", " ")


def view(router: Router) -> RenderableType:
    """State, strategy and variants; what it may not say in a line is for yaml."""
    head = Text.assemble((plain(router.name), "bold"), "  ", state(router))
    if router.state_message:
        head.append(f": {plain(router.state_message)}", style="red")
    facts = [f"{strategy(router)}; generation {router.generation}, changed {moment(router.update_time)} UTC"]
    facts += [router.description] if router.description else []
    facts += [f"tags {', '.join(router.tags)}"] if router.tags else []
    facts += [f"owner {router.owner}"] if router.owner else []
    facts += [f"call it at {router.endpoint}"] if router.endpoint else []
    if router.policies:
        facts.append(f"rules {', '.join(one.name for one in router.policies)}")
    lines = (Text(plain(one), style="dim") for one in facts)
    return Group(head, *lines, _variants(router))


def _variants(router: Router) -> RenderableType:
    table = tables.columns("variant", "model", "role", "weight", "share", right=2)
    shares = _shares(router)
    for one in router.variants:
        role = router_pb2.VariantRole.Name(one.role).removeprefix("VARIANT_ROLE_").lower()
        table.add_row(
            tables.name(one.id),
            tables.name(one.resolved_model or one.model),
            "" if role == "unspecified" else role,
            number(_weight(one)) if one.enabled else "disabled",
            _share(router, shares, one),
            style="" if one.enabled else "dim",
        )
    return table


def _share(router: Router, shares: dict[str, float], one: Variant) -> str:
    """What a variant serves, and whether it sees copies of what others do."""
    served = percent(shares[one.id]) if shares.get(one.id) else ""
    copied = one.id in router.mirror.variants or (
        router.HasField("shadow") and router.shadow.primary not in (one.id, one.model)
    )
    if one.enabled and copied:
        return f"{served} + copies" if served else "copies"
    return served or (percent(0.0) if one.id in shares else "")


def _shares(router: Router) -> dict[str, float]:
    """Shares where the configuration alone says them; a bandit's and the like are learnt."""
    if router.HasField("canary"):
        part = router.canary.canary_percentage / 100
        return {router.canary.baseline_model: 1 - part, router.canary.canary_model: part}
    enabled = [one for one in router.variants if one.enabled]
    total = sum(map(_weight, enabled))
    if router.WhichOneof("strategy") not in ("weighted", None) or not total:
        return {}
    return {one.id: _weight(one) / total for one in enabled}


def _weight(variant: Variant) -> float:
    return variant.weight if variant.HasField("weight") else 1.0
