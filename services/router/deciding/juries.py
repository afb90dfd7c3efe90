"""Several are asked: the plan for the aggregator, and what the event says of it."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from turnout.aggregator.v1.aggregator_service_pb2 import Plan
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.inference.v1.manifest_pb2 import OUTCOME_SKIPPED, PARTICIPANT_ROLE_JUROR, Manifest, Participant
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Variant
from turnout.router.v1.strategy_pb2 import (
    AGGREGATION_METHOD_CASCADE,
    AGGREGATION_METHOD_JSON_MAJORITY,
    AGGREGATION_METHOD_SEMANTIC_MEAN,
    AGGREGATION_METHOD_STACKING,
    EnsembleStrategy,
)

from services.models.answer import MESSAGE_LENGTH
from services.models.handle import ModelHandle
from services.router.config.panels import ALL_ANSWER, indispensable, pattern_of
from services.router.deciding.masking import Masking
from services.router.deciding.patterns import told
from services.router.deciding.plan import Jury
from services.router.deciding.shares import Shares
from services.router.deciding.sheets import Saying
from services.router.health.probe import Probe

# More rows than a message of 4 MiB can carry.
MOST_ROWS = 4 * 1024 * 1024
# The methods that read them.
OPTIONS = {
    "stacking": AGGREGATION_METHOD_STACKING,
    "semantic_mean": AGGREGATION_METHOD_SEMANTIC_MEAN,
    "json_majority": AGGREGATION_METHOD_JSON_MAJORITY,
}
# Why those who are out for their health are asked all the same.
QUORUM = "the quorum needs them"
WHY_ALL = {"cascade": "too few others are left", "judge": "nobody else is left"}

Members = Sequence[tuple[Variant, Model]]


class Out(NamedTuple):
    """A member that is left out for its health, and why."""

    variant: str
    model: str
    why: str


class Bench(NamedTuple):
    """Who would be asked, who is, what an explanation adds, and who is left out."""

    whole: Members
    asked: Members
    note: str
    out: Sequence[Out] = ()


NOBODY = Bench((), (), "")


def make_jury(
    ensemble: EnsembleStrategy,
    members: Members,
    among: Collection[str] | None,
    seen: Masking,
    handles: Sequence[ModelHandle],
    saying: Saying,
    probe: Probe | None,
) -> Jury | None:
    """The jury of an ensemble over `among` (None for all), whose helpers name their models themselves; None
    if nobody is left of it, or nobody for one of its steps.

    A majority is one of the whole panel: who is out for its health makes the answer degraded, and its quorum
    no smaller.
    """
    bench = _bench(ensemble, members, among, seen)
    if not bench.asked:
        return None
    plan = _plan(ensemble, bench.asked, _quorum(ensemble, len(bench.whole)))
    plan.left_out.extend(one.variant for one in bench.out)
    whole, asked = len(bench.whole), len(bench.asked)
    whom = f"{asked} of {whole}" if asked < whole else f"all {whole}"
    ids = {variant.id for variant, _ in bench.asked}
    able = tuple(variant.id in ids for variant, _ in members)
    shares = Shares((0.0,) * len(members), able)
    sheet = saying.asked(shares, f"{told(plan.ensemble, whom)}{bench.note}")
    if asked < whole:
        sheet = sheet._replace(manifest=sheet.manifest + _missing(bench.out))
    first = next(handle for handle, one in zip(handles, able, strict=True) if one)

    def reads(asked: Input) -> tuple[int, TabularInput | None]:
        # What the caller says, before any member has looked at it: only what can be counted is noted.
        shape = asked.tensors.tensors[0].shape if asked.tensors.tensors else ()
        rows = shape[0] if shape and 0 < shape[0] <= MOST_ROWS else 1
        return rows, first.features(asked)

    names = tuple(model.name for _, model in bench.asked)
    seats = {variant.id for variant, _ in bench.whole}
    prices = [
        (variant.id, handle.price)
        for (variant, _), handle in zip(members, handles, strict=True)
        if variant.id in seats
    ]
    mine = probe if probe is not None and probe.model in names else None
    return Jury(plan, sheet, names, reads, mine, prices, tuple(map(_skipped, bench.out)))


def _bench(
    ensemble: EnsembleStrategy, members: Members, among: Collection[str] | None, seen: Masking
) -> Bench:
    named = _named(ensemble)
    enabled = [
        (variant, model)
        for variant, model in members
        if variant.enabled
        and (not ensemble.members or variant.id in ensemble.members)
        and (not named or variant.id in named)
    ]
    whole = [one for one in enabled if among is None or one[0].id in among]
    wanted = indispensable(ensemble, [variant for variant, _ in enabled])
    if not {variant.id for variant, _ in whole}.issuperset(wanted):
        return NOBODY
    well = [(variant, model) for variant, model in whole if variant.id not in seen.reasons]
    if len(well) < (len(whole) if wanted else _needed(ensemble, len(whole))):
        why = "nobody stands in for them" if wanted else WHY_ALL.get(pattern_of(ensemble), QUORUM)
        return Bench(whole, whole, f"; health is ignored: {why}" if len(well) < len(whole) else "")
    out = [
        Out(variant.id, model.name, seen.reasons[variant.id])
        for variant, model in whole
        if variant.id in seen.reasons
    ]
    names = ", ".join(one.variant for one in out)
    return Bench(whole, well, f"; left out for their health: {names}" if out else "", out)


def _missing(out: Sequence[Out]) -> bytes:
    """A serialized Manifest that tells of them."""
    said = [f"{one.variant} is left out: {one.why}" for one in out]
    return Manifest(degraded=True, warnings=said).SerializeToString()


def _skipped(out: Out) -> bytes:
    """Its serialized Participant."""
    return Participant(
        model=out.model,
        variant=out.variant,
        role=PARTICIPANT_ROLE_JUROR,
        outcome=OUTCOME_SKIPPED,
        error_message=out.why[:MESSAGE_LENGTH],
    ).SerializeToString()


def _named(ensemble: EnsembleStrategy) -> frozenset[str]:
    """Who alone has a part in it; nobody where all members have."""
    match pattern_of(ensemble):
        case "cascade":
            return frozenset(ensemble.cascade.order)
        case "judge":
            return frozenset(ensemble.judge.order)
        case "specialists":
            return frozenset(step.variant for step in ensemble.specialists.steps)
    return frozenset()


def _needed(ensemble: EnsembleStrategy, members: int) -> int:
    """How many must be asked of so many, where each can stand in for another."""
    match pattern_of(ensemble):
        case "cascade":
            return min(max(ensemble.cascade.agreement, 1), members)
        case "judge":
            return 1
    return _quorum(ensemble, members)


def _quorum(ensemble: EnsembleStrategy, members: int) -> int:
    wanted = ensemble.quorum if ensemble.HasField("quorum") else members // 2 + 1
    # A policy's subset may have fewer members than the router's ensemble needs.
    return min(wanted, members)


def _plan(ensemble: EnsembleStrategy, asked: Members, quorum: int) -> Plan:
    plan = Plan(ensemble=ensemble)
    plan.ensemble.quorum = min(quorum, len(asked))
    del plan.ensemble.members[:]
    _clear_idle(plan.ensemble)
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


def _clear_idle(ensemble: EnsembleStrategy) -> None:
    """Leave out what does nothing: it was told when it was written, and need not be told with every reply."""
    pattern = pattern_of(ensemble)
    for name, method in OPTIONS.items():
        if pattern or ensemble.aggregation != method:
            ensemble.ClearField(name)  # type: ignore[arg-type,unused-ignore]
    if pattern:
        ensemble.ClearField("launch")
        ensemble.ClearField("weight_source")
        ensemble.ClearField("full_panel_fraction")
        if ensemble.aggregation != AGGREGATION_METHOD_CASCADE:
            ensemble.ClearField("aggregation")
    if pattern not in ALL_ANSWER:
        ensemble.ClearField("quorum")
        ensemble.ClearField("samples_per_member")


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
