"""What a fit is asked for, and what is told of it."""

from turnout.feedback.v1 import stacker_pb2 as wire
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import UpdateRouterRequest
from turnout.router.v1.strategy_pb2 import AGGREGATION_METHOD_STACKING

from services.feedback.offpolicy.gathering import Span
from services.feedback.stackers.fitting import Fitted, Gain, share_of
from services.feedback.stackers.panels import Panels
from services.feedback.wire.evaluations import MOST_PREDICTIONS, PREDICTIONS
from services.foundation.errors import FailedPrecondition, FieldViolation, InvalidArgument
from services.state.moments import moment

FOLDS, LEAST_FOLDS, MOST_FOLDS = 5, 2, 20


class BadFit(InvalidArgument):
    """A fit that cannot be made of any panels; names the fields."""


class NoEnsemble(FailedPrecondition):
    """The router does not ask its members all at once, so there is nothing to combine."""

    reason = "WRONG_STATE"


def folds_of(request: wire.FitStackerRequest, now: float) -> tuple[int, Span]:
    """Folds and predictions of a request, with their defaults. Raises BadFit, BadTimestamp."""
    wrong: list[FieldViolation] = []
    folds = request.folds if request.HasField("folds") else FOLDS
    if not LEAST_FOLDS <= folds <= MOST_FOLDS:
        wrong.append(FieldViolation("folds", f"must be from {LEAST_FOLDS} to {MOST_FOLDS}, got {folds}"))
    start = moment(request.start_time, "start_time") if request.HasField("start_time") else 0.0
    end = moment(request.end_time, "end_time") if request.HasField("end_time") else now
    if end <= start:
        wrong.append(FieldViolation("start_time", "must lie before end_time, and before now"))
    most = request.max_predictions if request.HasField("max_predictions") else PREDICTIONS
    if not 1 <= most <= MOST_PREDICTIONS:
        wrong.append(FieldViolation("max_predictions", f"must be from 1 to {MOST_PREDICTIONS}, got {most}"))
    if wrong:
        raise BadFit(f"{wrong[0].field}: {wrong[0].description}", fields=wrong)
    return folds, Span(start, end, most)


def members_of(router: Router) -> list[str]:
    """The variants whose answers are combined. Raises NoEnsemble."""
    if not router.HasField("ensemble") or router.ensemble.WhichOneof("pattern"):
        said = f"{router.name} is no jury: a meta-model combines what all members of an ensemble answered"
        raise NoEnsemble(said, fields=[("router", said)])
    chosen = set(router.ensemble.members)
    enabled = [one for one in router.variants if one.enabled]
    return [one.id for one in enabled if not chosen or chosen & {one.id, one.model}]


def stacker_of(found: Fitted, panels: Panels, folds: int, router: Router, now: float) -> wire.Stacker:
    """The meta-model as messages have it, without its version."""
    made = wire.Stacker(
        router=router.name,
        generation=router.generation,
        kind=found.kind,
        regularisation=found.strength,
        rows=len(panels.truth),
        units=int(panels.units.max()) + 1,
        folds=folds,
        metric="accuracy" if panels.labels else "absolute_error",
        score=found.score,
        average_score=found.average,
        best_member=found.best,
        over_best_member=_gain(found.over_best),
        over_average=_gain(found.over_average),
        helps=found.helps,
    )
    made.create_time.FromMicroseconds(int(now * 1e6))
    learnt = made.learnt
    learnt.members.extend(panels.members)
    learnt.labels.extend(panels.labels)
    learnt.coefficients.extend(found.meta.coefficients.ravel().tolist())
    learnt.intercepts.extend(found.meta.intercepts.tolist())
    learnt.fill.extend(found.meta.fill.tolist())
    shares = share_of(found.meta, panels.members)
    for name, score in found.members.items():
        made.members.add(variant=name, score=score, share=shares[name])
    return made


def change_of(stacker: wire.Stacker, router: Router, etag: str) -> UpdateRouterRequest:
    """The router, combining by the meta-model."""
    asked = UpdateRouterRequest(router=Router(name=router.name, etag=etag or router.etag))
    asked.router.ensemble.aggregation = AGGREGATION_METHOD_STACKING
    asked.router.ensemble.stacking.learnt.CopyFrom(stacker.learnt)
    asked.update_mask.paths.extend(["ensemble.aggregation", "ensemble.stacking"])
    return asked


def _gain(found: Gain) -> wire.HeldOutGain:
    return wire.HeldOutGain(gain=found.gain, low=found.low, high=found.high)
