"""Who is credited with what: from a prediction and what came of it to claims on the reward state."""

from collections.abc import Mapping

from services.feedback.measure import Measure
from services.feedback.prediction import Prediction, drawn_share, model_shares
from services.feedback.rules import HORIZON_SECONDS, Rules
from services.state.ids import partition_of
from services.state.rewards import FINAL, UNITS, Claim, Learner, Report

# Labels of a model, per partition, that its accuracy rests on: it must fall soon after the model does.
MODEL_WINDOW = 1000
ACCURACY = "accuracy"
# The verdict of the router's declared rule on a failure; nothing that is observed later changes it.
# A control character, which no reporter's id may have, keeps anybody else from saying it.
FAILED = "\x1ffailed"


def reward(
    rules: Rules, prediction: Prediction, row: int, measure: Measure, units: int, observed: int, id_: str
) -> Claim:
    """A value for the drawn variant, in millionths of the measure's range."""
    report = Report(prediction.id, row, prediction.variant, units, observed, id_)
    learner = Learner(rules.partition, rules.uid, measure.key)
    return Claim(learner, report, rules.window, rules.horizon)


def failure(rules: Rules, prediction: Prediction, row: int) -> Claim:
    """The declared reward of a drawn variant that failed, whatever served instead."""
    return reward(rules, prediction, row, rules.reward, rules.failure_units, FINAL, FAILED)


def accuracy_of(partition: int, model_uid: str) -> Learner:
    """What a model's accuracy in a partition's predictions is kept under: the model is its own only arm."""
    return Learner(partition, model_uid, ACCURACY)


def truth(
    rules: Rules | None,
    models: Mapping[str, str],
    prediction: Prediction,
    row: int,
    label: str,
    observed: int,
    id_: str,
) -> list[Claim]:
    """What a label credits: the drawn variant, if its router's reward is accuracy, and every model that
    answered.

    models: uid by name, of those that existed when the prediction was made. Classification is credited with 1
    for the right label and 0 for another. Numbers and texts are not: a bounded reward of an error needs a
    scale that nobody declared.
    """
    claims = _drawn(rules, prediction, row, label, observed, id_) if rules else []
    horizon = rules.horizon if rules else HORIZON_SECONDS
    for model, share in model_shares(prediction, row, label).items():
        if uid := models.get(model):
            report = Report(prediction.id, row, uid, round(share * UNITS), observed, id_)
            learner = accuracy_of(partition_of(prediction.id), uid)
            claims.append(Claim(learner, report, MODEL_WINDOW, horizon, told=False))
    return claims


def _drawn(
    rules: Rules, prediction: Prediction, row: int, label: str, observed: int, id_: str
) -> list[Claim]:
    if not (prediction.variant and rules.reward.from_truth):
        return []
    if prediction.failed:
        return [failure(rules, prediction, row)]
    share = drawn_share(prediction, row, label)
    if share is None:
        return []
    return [reward(rules, prediction, row, rules.reward, round(share * UNITS), observed, id_)]
