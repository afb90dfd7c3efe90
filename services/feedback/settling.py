"""Applies what came of a recorded prediction: the last step of every door by which feedback comes in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from turnout.feedback.v1.feedback_service_pb2 import RecordFeedbackRequest

from services.feedback import crediting
from services.feedback.errors import BadFeedback, NothingDrawn, RewardOutOfRange
from services.feedback.judging import judged, judged_models
from services.feedback.measure import OutsideRange
from services.feedback.panels import panel_truths
from services.feedback.prediction import Drawn, Prediction
from services.feedback.rulebook import Rulebook
from services.feedback.rules import HORIZON_SECONDS, REWARD_METRIC, Rules
from services.feedback.wire.records import label_of
from services.feedback.wire.requests import value_of
from services.feedback.wire.seen import value_of_truth
from services.foundation.errors import FieldViolation, TurnoutError
from services.foundation.metrics import Metrics
from services.state.claims import Applied, Claim, Report
from services.state.errors import RouterNotFound, StoreFull
from services.state.panel_truths import FULL, PanelTruth, PanelTruthStore
from services.state.qualities import Judged, QualityStore
from services.state.reports import id_reused, row_misfits
from services.state.rewards import RewardStore

# What a truth comes to: for arms and models, for the answer that was served, for a panel.
Consequence: TypeAlias = Claim | Judged | PanelTruth


@dataclass(frozen=True, slots=True)
class Settling:
    """Turns feedback into claims and applies them. `now` is in seconds since 1970."""

    rulebook: Rulebook
    rewards: RewardStore
    metrics: Metrics
    now: Callable[[], float]

    async def rules_of(self, prediction: Drawn) -> Rules:
        """The present rules of the prediction's router. Raises RouterNotFound if it is gone, NothingDrawn if
        there was none."""
        if prediction.outside:
            said = "no router made this prediction, so there is no arm to credit; report the truth instead"
            raise NothingDrawn(said, fields=[("prediction_id", said)], prediction_id=prediction.id)
        rules = await self.rulebook.of(prediction.router_uid)
        if rules is None:
            raise RouterNotFound(
                "the router that made this prediction is deleted", prediction_id=prediction.id
            )
        return rules

    async def reward(self, request: RecordFeedbackRequest, prediction: Drawn, rules: Rules) -> Applied:
        """Credit the drawn variant with a reported value.

        Raises BadFeedback, NothingDrawn and RewardOutOfRange, naming the field; StoreFull when a bound of the
        reward state is reached; RequestIdReused.
        """
        claim = claim_of(request, prediction, rules)
        (applied,) = await self.apply([claim])
        found = self.outcome(applied, claim.report, prediction)
        if isinstance(found, TurnoutError):
            raise found
        return found

    def outcome(self, applied: Applied, report: Report, prediction: Drawn) -> Applied | TurnoutError:
        """What became of a reported value, as its reporter is told; StoreFull where it found no room, and
        RequestIdReused where its id was another report's."""
        if applied in _FULL:
            return StoreFull(_FULL[applied], prediction_id=prediction.id)
        if applied is Applied.ID_REUSED:
            return id_reused(report.feedback_id)
        if prediction.failed and applied in (Applied.ACCEPTED, Applied.DUPLICATE):
            # What counts is the declared reward of the failure, not what was reported.
            return Applied.SUPERSEDED
        return applied

    async def claims(self, truth: RecordFeedbackRequest, prediction: Prediction) -> list[Consequence]:
        """What a truth credits, and what it says of answers and panels; nothing where it has no row. What
        cannot be compared with the answers is counted only."""
        if truth.row >= prediction.rows:
            self.count("unmatched")
            return []
        label = label_of(truth.truth) if prediction.classified else None
        rules = await self.rulebook.of(prediction.router_uid)
        models = self.rulebook.models_of(prediction)
        observed, value = truth.observed_at.ToMicroseconds(), value_of_truth(truth.truth)
        told = crediting.Told(truth.row, label, observed, truth.feedback_id, value)
        claims = crediting.truth(rules, models, prediction, told)
        horizon = rules.horizon if rules else HORIZON_SECONDS
        measured = judged_models(models, prediction, told, horizon)
        matched = label is not None or any(
            claim.told or claim.learner.measure == crediting.ERRORS for claim in claims
        )
        self.count("matched" if matched else "unmatched")
        if rules is None:
            return [*claims, *measured]
        panels = panel_truths(prediction, told, horizon)
        return [*claims, *measured, *judged(rules, prediction, told), *panels]

    async def settle(self, request: RecordFeedbackRequest, prediction: Prediction) -> None:
        """Apply feedback of any kind whose record has come. Raises what is wrong with it."""
        if request.WhichOneof("outcome") == "truth":
            await self.apply(await self.claims(request, prediction))
        else:
            applied = await self.reward(request, prediction, await self.rules_of(prediction))
            self.count(applied.lower())

    async def apply(self, claims: Sequence[Consequence]) -> list[Applied]:
        """Apply claims in one round trip, and count answers and panels in others. Returns what became of the
        claims. Raises StateUnavailable; doing it again changes nothing."""
        own = [claim for claim in claims if isinstance(claim, Claim)]
        applied = await self.rewards.apply(own, self.now()) if own else []
        answers = [claim for claim in claims if isinstance(claim, Judged)]
        await QualityStore(self.rewards.redis).count(answers, self.now())
        panels = [claim for claim in claims if isinstance(claim, PanelTruth)]
        for status in await PanelTruthStore(self.rewards.redis).count(panels, self.now()):
            if status == FULL:
                self.count("panel_full")
        return applied

    def count(self, result: str, items: int = 1) -> None:
        """Count feedback by what became of it."""
        self.metrics.feedback[result].inc(items)


_FULL = {
    Applied.TOO_MANY_ARMS: "the router had rewards for 256 different variants already",
    Applied.TOO_MANY_REPORTS: "32 reports on this row and metric are known already",
}


def refuse(misfits: Sequence[FieldViolation], prediction: Drawn) -> None:
    """Raises BadFeedback for what does not fit the prediction, if there is anything."""
    if misfits:
        first = misfits[0]
        raise BadFeedback(f"{first.field}: {first.description}", fields=misfits, rows=prediction.rows)


def claim_of(request: RecordFeedbackRequest, prediction: Drawn, rules: Rules) -> Claim:
    """What a reported value claims. Raises BadFeedback, NothingDrawn, RewardOutOfRange, naming the field."""
    row = request.row
    refuse(row_misfits(row, prediction.rows), prediction)
    field, metric, value = value_of(request)
    measure = rules.measures.get(metric) if metric else rules.reward
    if measure is None:
        known = ", ".join(sorted(rules.measures))
        said = f"{metric[:100]!r} is not a metric of {rules.name}, which has {known}"
        raise BadFeedback(f"metric.name: {said}", fields=[("metric.name", said)], metric=metric)
    if measure.derive and measure.name != REWARD_METRIC:
        source = "ground truth: report the truth" if measure.from_truth else "the record of each prediction"
        said = f"{measure.name} is not reported, it comes from {source}"
        raise BadFeedback(f"{field}: {said}", fields=[(field, said)], metric=measure.name)
    try:
        units = measure.units(value)
    except OutsideRange as outside:
        raise RewardOutOfRange(
            f"{field}: {outside}", fields=[(field, str(outside))], value=value, metric=measure.name
        ) from None
    learnt = measure is rules.reward or measure == rules.reward
    if prediction.failed and learnt:
        return crediting.failure(rules, prediction, row)
    if not (prediction.variant and prediction.answered):
        raise _undrawn(prediction)
    observed, id_ = request.observed_at.ToMicroseconds(), request.feedback_id
    return crediting.reward(rules, prediction, row, measure, units, observed, id_, watched=learnt)


def _undrawn(prediction: Drawn) -> NothingDrawn:
    if prediction.variant:
        why = f"the drawn variant {prediction.variant} did not answer this prediction"
    else:
        why = f"no variant was drawn in this prediction (mode {prediction.mode})"
    return NothingDrawn(
        f"{why}, so there is no arm to credit; report the truth instead",
        fields=[("prediction_id", f"a prediction that a variant was drawn for; {why}")],
        prediction_id=prediction.id,
    )
