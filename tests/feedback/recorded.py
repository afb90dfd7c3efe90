"""Messages as the router logs them, for tests of what feedback makes of them."""

import random

from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1.router_pb2 import Router

from services.state import ids

ROUTER_UID = "01975d00-0000-7000-8000-000000000001"
PARTITION = ids.partition_for(ROUTER_UID)
NOW = 1_750_000_000.0


def prediction_id(number: int, at: float = NOW - 100, partition: int = PARTITION) -> str:
    """The id of the prediction of that number, one millisecond after the one before."""
    return ids.new_prediction_id(partition, at + number / 1000, random.Random(number))


def router(uid: str = ROUTER_UID, name: str = "routers/learner") -> Router:
    """A bandit over the variants a and b that learns from accuracy."""
    made = Router(name=name, uid=uid, generation=1)
    for variant in ("a", "b"):
        made.variants.add(id=variant, model=f"models/{variant}", enabled=True)
    made.bandit.SetInParent()
    return made


def event(
    id_: str,
    variant: str = "a",
    label: str = "yes",
    *,
    uid: str = ROUTER_UID,
    outcome: manifest.Outcome = manifest.OUTCOME_SERVED,
    mode: manifest.DecisionMode = manifest.DECISION_MODE_STRATEGY,
) -> PredictionEvent:
    """One model answered one row with `label`; with an outcome of failure it gave no answer."""
    made = PredictionEvent(format=1, router_uid=uid, rows=1, input_kind="tabular")
    made.time.FromMicroseconds(int(ids.time_of(id_) * 1e6))
    made.manifest.prediction_id, made.manifest.router = id_, "routers/learner"
    made.manifest.generation = 1
    decision = made.manifest.decision
    decision.variant, decision.model, decision.mode = variant, f"models/{variant}", mode
    made.manifest.participants.add(
        model=f"models/{variant}",
        variant=variant,
        role=manifest.PARTICIPANT_ROLE_PRIMARY,
        outcome=outcome,
        attempt=1,
    )
    if outcome == manifest.OUTCOME_SERVED:
        made.output.classification.label = label
        made.outputs.add(participant=0, output=made.output)
    else:
        made.error_code = "UNAVAILABLE"
    return made


def jury(id_: str, labels: dict[str, str], uid: str) -> PredictionEvent:
    """Every variant answered with a label of its own."""
    made = PredictionEvent(format=1, router_uid=uid, rows=1, input_kind="tabular")
    made.time.FromMicroseconds(int(ids.time_of(id_) * 1e6))
    made.manifest.prediction_id = id_
    made.manifest.decision.mode = manifest.DECISION_MODE_ENSEMBLE
    for place, (variant, label) in enumerate(labels.items()):
        made.manifest.participants.add(
            model=f"models/{variant}",
            variant=variant,
            role=manifest.PARTICIPANT_ROLE_JUROR,
            outcome=manifest.OUTCOME_CONTRIBUTED,
        )
        made.outputs.add(participant=place).output.classification.label = label
    made.output.CopyFrom(made.outputs[0].output)
    return made
