"""How right the answer to a row was, where a truth meets its record; counted by the prediction's time."""

from services.feedback.crediting import Told
from services.feedback.deriving import absolute_error, log_loss
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
