"""Predictions with a truth to come, and everything that happens to them, in any order."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from turnout.inference.v1.event_pb2 import PredictionEvent, Truth
from turnout.inference.v1.manifest_pb2 import OUTCOME_FAILED, OUTCOME_SERVED, PARTICIPANT_ROLE_PRIMARY

from services.state import formats, ids

HOUR = 3600


@dataclass(frozen=True)
class Label:
    """What somebody reports."""

    id: str
    truth: Truth
    observed: float
    feedback_id: str
    row: int = 0


def outside(
    model: str, uid: str, rng: random.Random, *, made: float | None = None, event_time: float | None = None
) -> PredictionEvent:
    """A prediction of a model that was logged by whoever made it, without an answer yet."""
    made = time.time() if made is None else made
    event = PredictionEvent(format=formats.PREDICTION_EVENT, router_uid=uid, rows=1)
    event.time.FromMicroseconds(int(made * 1e6))
    if event_time is not None:
        event.event_time.FromMicroseconds(int(event_time * 1e6))
    event.manifest.prediction_id = ids.new_prediction_id(ids.partition_for(uid), made, rng)
    event.manifest.participants.add(
        model=model, role=PARTICIPANT_ROLE_PRIMARY, outcome=OUTCOME_SERVED, attempt=1
    )
    return event


def labelled(event: PredictionEvent, label: str, probability: float | None = None) -> PredictionEvent:
    """The same with a label for an answer."""
    answer = event.outputs.add(participant=0).output.classification
    answer.label = label
    if probability is not None:
        other = "no" if label == "yes" else "yes"
        answer.probabilities.add(label=label, probability=probability)
        answer.probabilities.add(label=other, probability=1 - probability)
    event.output.CopyFrom(event.outputs[0].output)
    return event


def numbered(event: PredictionEvent, *values: float) -> PredictionEvent:
    """The same with a number for each row."""
    event.rows = len(values)
    event.outputs.add(participant=0).output.regression.values.extend(values)
    event.output.CopyFrom(event.outputs[0].output)
    return event


def failed(event: PredictionEvent) -> PredictionEvent:
    """The same without an answer."""
    event.manifest.participants[0].outcome = OUTCOME_FAILED
    event.error_code = "UNAVAILABLE"
    return event


def world(model: str, uid: str, seed: int, now: float) -> tuple[list[PredictionEvent], list[Label]]:
    """Some predictions over three days of events, and labels with repetitions and corrections; the same for
    each model but for what names it."""
    rng, names = random.Random(seed), random.Random(f"{seed} {model}")
    events, labels = [], []
    for number in range(60):
        when = now - rng.uniform(0, 72) * HOUR
        made = now - 600 + number
        event = outside(model, uid, names, made=made, event_time=when)
        if rng.random() < 0.5:
            event.segments["tier"] = rng.choice(["gold", "basic"])
        kind = rng.random()
        if kind < 0.1:
            events.append(failed(event))
            continue
        numeric = kind > 0.6
        answer = rng.choice(["yes", "no"])
        events.append(
            numbered(event, rng.gauss(0, 9), rng.gauss(0, 9))
            if numeric
            else labelled(event, answer, rng.random() if kind < 0.4 else None)
        )
        for report in range(rng.choice([0, 1, 1, 2])):
            truth: dict[str, Any] = (
                {"number": rng.gauss(0, 9)} if numeric else {"label": rng.choice(["yes", "no", "maybe"])}
            )
            observed = now - rng.choice([50, 100])
            about = event.manifest.prediction_id
            labels.append(
                Label(about, Truth(**truth), observed, f"f{number}-{report}", rng.randrange(1 + numeric))
            )
    return events, labels


def batches(events: Sequence[PredictionEvent], size: int) -> list[Sequence[PredictionEvent]]:
    """Some at a time."""
    return [events[begin : begin + size] for begin in range(0, len(events), size)]
