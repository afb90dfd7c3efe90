"""A recorded prediction as far as feedback needs to know it, and what a label says about it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.feedback.deriving.seen import Seen


class Answer(NamedTuple):
    """The labels that a model gave, one per row. `drawn`: it stands for the variant that was drawn; `chosen`:
    for the one that was drawn or pinned."""

    model: str
    labels: Sequence[str]
    drawn: bool
    chosen: bool = False


class Seat(NamedTuple):
    """What a member of a full panel said: labels, one per row, and what it cost where that is known."""

    variant: str
    labels: Sequence[str]
    cost: float | None


class Heard(NamedTuple):
    """What was answered on a row. models: by each model that did; of one that did so twice, the first.
    chosen: what a router's quality is measured on, as `answer_of` says. variants: as which a model was
    asked."""

    models: Mapping[str, Seen]
    chosen: Seen
    variants: Mapping[str, str] = field(default_factory=dict)


# Not frozen: one is made for each report, and freezing takes three quarters of that.
@dataclass(slots=True, kw_only=True)
class Drawn:
    """What a reported reward has to know of a recorded prediction.

    variant: what was drawn; empty where nothing was (a pinned variant, a jury, a default). failed: what was
    drawn did not answer; answered: it did, itself. policy: what chose it, if one did. segments: those that it
    belongs to, as name=value. outside: logged by whoever made it, without a router: router_uid is its
    model's.
    """

    id: str
    router_uid: str
    variant: str
    mode: str
    failed: bool
    answered: bool
    rows: int
    policy: str = ""
    segments: tuple[str, ...] = ()
    outside: bool = False


@dataclass(slots=True, kw_only=True)
class Prediction(Drawn):
    """A recorded prediction.

    classified: whether answers are labels. time: seconds since 1970. chosen: what was drawn or pinned; empty
    where all were asked. served: the labels of the reply. panel: of a panel that may be learnt from, every
    member that answered with labels. event_time: when it happened, for the history of models. seen: what its
    record shows of a row; heard: of every answer to it.
    """

    classified: bool
    time: float
    answers: Sequence[Answer] = ()
    chosen: str = ""
    served: Sequence[str] = ()
    panel: Sequence[Seat] = ()
    event_time: float = 0.0
    # Asked only where a metric is derived from it: most routers have none.
    seen: Callable[[int], Seen] = field(default=Seen, compare=False)
    # Asked only where there is a truth.
    heard: Callable[[int], Heard] = field(default=lambda _row: Heard({}, Seen()), compare=False)


def drawn_share(prediction: Prediction, row: int, label: str) -> float | None:
    """Share of correct answers of the drawn variant on that row: 1 or 0. None if it gave none."""
    return _share([answer for answer in prediction.answers if answer.drawn], row, label)


def answer_of(prediction: Prediction, row: int) -> str | None:
    """The label that the row's accuracy is measured on: the chosen variant's own, or the reply's where all
    were asked. None if there is none: what served instead of a failed variant speaks for another one."""
    given = [answer.labels for answer in prediction.answers if answer.chosen]
    labels = (given[-1] if given else ()) if prediction.chosen else prediction.served
    return labels[row] if row < len(labels) else None


def model_answers(prediction: Prediction, row: int) -> dict[str, str]:
    """The label of every model that answered the row; of one that did so twice, the first."""
    found: dict[str, str] = {}
    for answer in prediction.answers:
        if row < len(answer.labels):
            found.setdefault(answer.model, answer.labels[row])
    return found


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
