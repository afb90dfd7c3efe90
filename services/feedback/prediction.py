"""A recorded prediction as far as feedback needs to know it, and what a label says about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Answer(NamedTuple):
    """The labels that a model gave, one per row. `drawn`: it stands for the variant that was drawn."""

    model: str
    labels: Sequence[str]
    drawn: bool


@dataclass(frozen=True, slots=True)
class Prediction:
    """A recorded prediction.

    variant: what was drawn; empty where nothing was (a pinned variant, a jury, a default). failed: what was
    drawn did not answer. classified: whether answers are labels. time: seconds since 1970.
    """

    id: str
    router_uid: str
    variant: str
    mode: str
    failed: bool
    classified: bool
    rows: int
    time: float
    answers: Sequence[Answer] = ()


def drawn_share(prediction: Prediction, row: int, label: str) -> float | None:
    """Share of correct answers of the drawn variant on that row: 1 or 0. None if it gave none."""
    return _share([answer for answer in prediction.answers if answer.drawn], row, label)


def model_shares(prediction: Prediction, row: int, label: str) -> dict[str, float]:
    """The same of every model that answered the row: a model that sat twice may be half right."""
    models = {answer.model for answer in prediction.answers}
    shares = {
        model: _share([answer for answer in prediction.answers if answer.model == model], row, label)
        for model in sorted(models)
    }
    return {model: share for model, share in shares.items() if share is not None}


def _share(answers: Sequence[Answer], row: int, label: str) -> float | None:
    given = [answer.labels[row] for answer in answers if row < len(answer.labels)]
    return sum(one == label for one in given) / len(given) if given else None
