"""How right the answer to a row was, where a truth meets its record: of the router, counted by the
prediction's time, and of each model that answered, by its event time."""

from collections.abc import Mapping

from services.feedback.crediting import Told
from services.feedback.deriving import absolute_error, brier, log_loss
from services.feedback.deriving.seen import Seen, Value
from services.feedback.prediction import Prediction, answer_of
from services.feedback.rules import Rules
from services.state.qualities import Judged, Place


def judged(rules: Rules, prediction: Prediction, told: Told) -> list[Judged]:
    """The truth of a row beside what was chosen for it, or the reply where all were asked; none where the two
    cannot be compared."""
    seen = prediction.heard(told.row).chosen
    answer = answer_of(prediction, told.row) if told.label is not None else None
    error = absolute_error.measure(seen, told.value) if told.label is None else None
    if answer is None and error is None:
        return []
    variant, policy = prediction.chosen, prediction.policy
    return [
        Judged(
            rules.uid,
            prediction.id,
            told.row,
            [Place(variant, policy), *(Place(variant, policy, one) for one in prediction.segments)],
            None if answer is None or told.label is None else (answer, told.label),
            log_loss.measure(seen, told.label) if answer is not None else None,
            error,
            told.observed,
            told.id,
            rules.horizon,
        )
    ]


def judged_models(
    models: Mapping[str, str], prediction: Prediction, told: Told, horizon: float
) -> list[Judged]:
    """The truth of a row beside what each model answered to it; one that cannot be compared with the answer
    counts as a label that came. models: uid by name."""
    heard = prediction.heard(told.row)
    return [
        _of_model(models[name], prediction, told, horizon, heard.variants.get(name, ""), seen)
        for name, seen in heard.models.items()
        if name in models
    ]


def _of_model(
    uid: str, prediction: Prediction, told: Told, horizon: float, variant: str, seen: Seen
) -> Judged:
    # What was logged from outside has its model for a router.
    asked_by = "" if prediction.router_uid == uid else prediction.router_uid
    labels = (seen.answer, told.label) if isinstance(seen.answer, str) and told.label is not None else None
    return Judged(
        uid,
        prediction.id,
        told.row,
        [Place(variant, asked_by), *(Place(variant, asked_by, one) for one in prediction.segments)],
        labels,
        log_loss.measure(seen, told.label) if labels else None,
        None if told.label is not None else _error(seen, told.value),
        told.observed,
        told.id,
        horizon,
        prediction.event_time,
        brier.measure(seen, told.label) if labels else None,
    )


def _error(seen: Seen, truth: Value) -> float | None:
    """Answer less truth."""
    if isinstance(seen.answer, float) and isinstance(truth, float):
        return seen.answer - truth
    return None
