"""Who is credited with what: from a prediction and what came of it to claims on the reward state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from services.feedback.deriving import absolute_error, log_loss
from services.feedback.deriving.seen import Seen, Value
from services.feedback.measure import Measure
from services.feedback.prediction import (
    Drawn,
    Prediction,
    answer_of,
    drawn_share,
    model_answers,
    model_shares,
)
from services.feedback.rules import HORIZON_SECONDS, Rules
from services.state.claims import FINAL, UNITS, Claim, Learner, Report
from services.state.ids import partition_of
from services.state.labels import Pair
from services.state.magnitudes import code_of
from services.state.outcomes import LABEL, LESS, MORE, REWARD, TRUTH, Cell, Counted

# Labels of a model, per partition, that its accuracy rests on: it must fall soon after the model does.
MODEL_WINDOW = 1000
ACCURACY = "accuracy"
PAIRS = "pairs"
LOG_LOSS = "log_loss"
ERRORS = "errors"
# Rows with truth are counted by time alone; nothing reads their window.
UNREAD = 1
ALL = "all"
# The verdict of the router's declared rule on a failure; nothing that is observed later changes it.
# A control character, which no reporter's id may have, keeps anybody else from saying it.
FAILED = "\x1ffailed"
RECORDED = "\x1frecorded"


def reward(
    rules: Rules,
    prediction: Drawn,
    row: int,
    measure: Measure,
    units: int,
    observed: int,
    id_: str,
    *,
    watched: bool = False,
) -> Claim:
    """A value for the drawn variant, in millionths of the measure's range. watched: by detectors of drift,
    who watch what is reported: of what truth yields they watch the errors."""
    variant = prediction.variant
    report = Report(prediction.id, row, variant, units, observed, id_)
    learner, zero = _sums(rules.partition, rules.uid, measure.name, measure.low, measure.high)
    looks = (LESS if measure.minimize else MORE) if watched else ""
    scale = measure.name, measure.low, measure.high
    counted = _counted_in(rules.uid, *scale, variant, prediction.policy, prediction.segments, looks)
    return Claim(learner, report, rules.window, rules.horizon, True, counted, None, measure.repeats, zero)


# One of a few for each of many reports.
@lru_cache(4096)
def _sums(partition: int, uid: str, name: str, low: float, high: float) -> tuple[Learner, int]:
    measure = Measure(name, low, high)
    return Learner(partition, uid, measure.key), measure.zero


@lru_cache(4096)
def _counted_in(
    uid: str,
    name: str,
    low: float,
    high: float,
    variant: str,
    policy: str,
    segments: tuple[str, ...],
    watched: str,
) -> Counted:
    return Counted(uid, Cell(REWARD, name, low, high, variant, policy), segments, watched)


def failure(rules: Rules, prediction: Drawn, row: int) -> Claim:
    """The declared reward of a drawn variant that failed, whatever served instead."""
    return reward(rules, prediction, row, rules.reward, rules.failure_units, FINAL, FAILED)


def accuracy_of(partition: int, model_uid: str) -> Learner:
    """What a model's accuracy in a partition's predictions is kept under: the model is its own only arm."""
    return Learner(partition, model_uid, ACCURACY)


def pairs_of(partition: int, model_uid: str) -> Learner:
    """What the labels that a model gave, beside the true ones, are kept under."""
    return Learner(partition, model_uid, PAIRS)


def log_losses_of(partition: int, model_uid: str) -> Learner:
    """What -ln of the probabilities that a model gave true labels are kept under, as codes of magnitudes."""
    return Learner(partition, model_uid, LOG_LOSS)


def errors_of(partition: int, model_uid: str) -> Learner:
    """What the absolute errors of a model's numbers are kept under, as codes of magnitudes."""
    return Learner(partition, model_uid, ERRORS)


@dataclass(frozen=True, slots=True)
class Told:
    """A truth of one row: its label (None for a truth of another kind, or of an answer that is none), when it
    was observed, its id, and what it states of whatever kind."""

    row: int
    label: str | None
    observed: int
    id: str
    value: Value = None


def truth(rules: Rules | None, models: Mapping[str, str], prediction: Prediction, told: Told) -> list[Claim]:
    """What a truth credits: the drawn variant, in each metric of its router that truth yields, and every
    model that answered with its accuracy. And the row counts as one with truth in its router.

    models: uid by name, of those that existed when the prediction was made. Accuracy is 1 for the right label
    and 0 for another. Of numbers and texts nothing is derived but what the router declares, with its range.
    """
    claims = [*_drawn(rules, prediction, told), *_counted(rules, prediction, told)] if rules else []
    horizon = rules.horizon if rules else HORIZON_SECONDS
    return [*claims, *_measured(models, prediction, told, horizon)]


def _drawn(rules: Rules, prediction: Prediction, told: Told) -> Iterator[Claim]:
    if not prediction.variant:
        return
    if prediction.failed:
        if rules.reward.from_truth:
            yield failure(rules, prediction, told.row)
        return
    for measure in rules.measures.values():
        if measure.from_truth and (units := _units(measure, prediction, told)) is not None:
            yield reward(rules, prediction, told.row, measure, units, told.observed, told.id)


def _units(measure: Measure, prediction: Prediction, told: Told) -> int | None:
    if measure.name != ACCURACY:
        return measure.derived(prediction.seen(told.row), told.value)
    share = None if told.label is None else drawn_share(prediction, told.row, told.label)
    return None if share is None else round(share * UNITS)


def record(rules: Rules, prediction: Prediction) -> Iterator[Claim]:
    """What a prediction's record alone credits the drawn variant with: its latency, say. A batch is one call,
    so that counts for its first row."""
    measures = [measure for measure in rules.measures.values() if measure.from_record]
    if measures and prediction.variant and not prediction.failed:
        seen, observed = prediction.seen(0), int(prediction.time * 1e6)
        for measure in measures:
            if (units := measure.derived(seen)) is not None:
                yield reward(rules, prediction, 0, measure, units, observed, RECORDED)


def _counted(rules: Rules, prediction: Prediction, told: Told) -> Iterator[Claim]:
    """The row among those with truth: compared with the answer where both are labels."""
    answer = answer_of(prediction, told.row)
    if told.label is None:
        kind, right = TRUTH, False
    elif answer is None:
        return
    else:
        kind, right = LABEL, answer == told.label
    report = Report(prediction.id, told.row, prediction.chosen or ALL, right * UNITS, told.observed, told.id)
    learner = Learner(rules.partition, f"{rules.uid}:labels", ACCURACY)
    cell = Cell(kind, variant=prediction.chosen, policy=prediction.policy)
    counted = Counted(rules.uid, cell, prediction.segments)
    yield Claim(learner, report, UNREAD, rules.horizon, told=False, counted=counted)


def _measured(
    models: Mapping[str, str], prediction: Prediction, told: Told, horizon: float
) -> Iterator[Claim]:
    partition, heard = partition_of(prediction.id), prediction.heard(told.row).models
    if told.label is None:
        for model, known in models.items():
            error = absolute_error.measure(heard.get(model, Seen()), told.value)
            yield from _magnitude(errors_of(partition, known), prediction, told, error, horizon)
        return
    answers = model_answers(prediction, told.row)
    for model, share in model_shares(prediction, told.row, told.label).items():
        if uid := models.get(model):
            report = Report(prediction.id, told.row, uid, round(share * UNITS), told.observed, told.id)
            yield Claim(accuracy_of(partition, uid), report, MODEL_WINDOW, horizon, told=False)
            loss = log_loss.measure(heard.get(model, Seen()), told.label)
            yield from _magnitude(log_losses_of(partition, uid), prediction, told, loss, horizon)
            # Whoever watches the pairs alone sees all change.
            pair = Pair(answers[model], told.label)
            yield Claim(pairs_of(partition, uid), report, MODEL_WINDOW, horizon, told=False, pair=pair)


def _magnitude(
    learner: Learner, prediction: Prediction, told: Told, value: float | None, horizon: float
) -> Iterator[Claim]:
    """A number without an end of its own, for a model's window; nothing where there is none."""
    if value is not None:
        report = Report(prediction.id, told.row, learner.uid, code_of(value), told.observed, told.id)
        yield Claim(learner, report, MODEL_WINDOW, horizon, told=False)
