"""Several are asked: the plan for the aggregator, and what the event says of it."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from turnout.aggregator.v1.aggregator_service_pb2 import Plan
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.inference.v1.manifest_pb2 import Manifest
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Variant
from turnout.router.v1.strategy_pb2 import AGGREGATION_METHOD_CASCADE, EnsembleStrategy

from services.models.handle import ModelHandle
from services.router.config.naming import helper_named, helpers_in
from services.router.deciding.masking import Masking
from services.router.deciding.plan import Jury
from services.router.deciding.shares import Shares
from services.router.deciding.sheets import Saying
from services.router.health.probe import Probe

# More rows than a message of 4 MiB can carry.
MOST_ROWS = 4 * 1024 * 1024
DEGRADED = Manifest(degraded=True).SerializeToString()

Members = Sequence[tuple[Variant, Model]]


class Panel(NamedTuple):
    """Who would be asked, who is, and what an explanation adds."""

    whole: Members
    asked: Members
    note: str


def make_jury(
    ensemble: EnsembleStrategy,
    members: Members,
    among: Collection[str] | None,
    seen: Masking,
    handles: Sequence[ModelHandle],
    saying: Saying,
    probe: Probe | None,
    stands_for: Callable[[str], str],
) -> Jury | None:
    """The jury of an ensemble over `among` (None for all); None if nobody is left of it. `stands_for` tells
    the model that an alias means.

    A majority is one of the whole panel: who is out for its health makes the answer degraded, and its quorum
    no smaller.
    """
    panel = _panel(ensemble, members, among, seen)
    if not panel.asked:
        return None
    plan = _plan(ensemble, panel.asked, _quorum(ensemble, len(panel.whole)), stands_for)
    whole, asked = len(panel.whole), len(panel.asked)
    told = f"{asked} healthy ones of {whole}" if asked < whole else f"all {whole}"
    ids = {variant.id for variant, _ in panel.asked}
    able = tuple(variant.id in ids for variant, _ in members)
    shares = Shares((0.0,) * len(members), able)
    sheet = saying.asked(shares, f"{told} members are asked{panel.note}")
    if asked < whole:
        sheet = sheet._replace(manifest=sheet.manifest + DEGRADED)
    first = next(handle for handle, one in zip(handles, able, strict=True) if one)

    def reads(asked: Input) -> tuple[int, TabularInput | None]:
        # What the caller says, before any member has looked at it: only what can be counted is noted.
        shape = asked.tensors.tensors[0].shape if asked.tensors.tensors else ()
        rows = shape[0] if shape and 0 < shape[0] <= MOST_ROWS else 1
        return rows, first.features(asked)

    names = tuple(model.name for _, model in panel.asked)
    return Jury(plan, sheet, names, reads, probe if probe is not None and probe.model in names else None)


def _panel(
    ensemble: EnsembleStrategy, members: Members, among: Collection[str] | None, seen: Masking
) -> Panel:
    whole = [
        (variant, model)
        for variant, model in members
        if variant.enabled
        and (not ensemble.members or variant.id in ensemble.members)
        and (among is None or variant.id in among)
    ]
    well = [(variant, model) for variant, model in whole if variant.id not in seen.reasons]
    if len(well) < _needed(ensemble, len(whole)):
        return Panel(
            whole, whole, "; health is ignored: the quorum needs them" if len(well) < len(whole) else ""
        )
    return Panel(whole, well, "")


def _needed(ensemble: EnsembleStrategy, members: int) -> int:
    """How many must be asked: whoever does a step of a graph has nobody to stand in for it."""
    match ensemble.WhichOneof("pattern"):
        case "specialists":
            return members
        case "cascade" | "judge":
            return 1
    return 1 if ensemble.aggregation == AGGREGATION_METHOD_CASCADE else _quorum(ensemble, members)


def _quorum(ensemble: EnsembleStrategy, members: int) -> int:
    wanted = ensemble.quorum if ensemble.HasField("quorum") else members // 2 + 1
    # A policy's subset may have fewer members than the router's ensemble needs.
    return min(wanted, members)


def _plan(ensemble: EnsembleStrategy, asked: Members, quorum: int, stands_for: Callable[[str], str]) -> Plan:
    plan = Plan(ensemble=ensemble)
    plan.ensemble.quorum = min(quorum, len(asked))
    del plan.ensemble.members[:]
    for helper in helpers_in(plan.ensemble):
        helper.model = stands_for(helper_named(helper))
    _keep_to(plan.ensemble, [variant.id for variant, _ in asked])
    for variant, model in asked:
        member = plan.members.add(variant=variant.id, model=model.name)
        if variant.HasField("weight"):
            member.weight = variant.weight
        if ensemble.HasField("member_timeout"):
            member.timeout.CopyFrom(ensemble.member_timeout)
        if variant.HasField("overrides"):
            member.overrides.CopyFrom(variant.overrides)
    return plan


def _keep_to(ensemble: EnsembleStrategy, asked: Sequence[str]) -> None:
    """Leave whoever is not asked out of the order of asking."""
    kind = ensemble.WhichOneof("pattern")
    if kind not in ("cascade", "judge"):
        return
    order = (ensemble.cascade if kind == "cascade" else ensemble.judge).order
    kept = [name for name in order if name in asked]
    del order[:]
    order.extend(kept)
    if ensemble.cascade.HasField("agreement"):
        ensemble.cascade.agreement = min(ensemble.cascade.agreement, max(2, len(kept or asked)))
