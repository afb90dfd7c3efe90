"""A logged prediction as an observation of off-policy evaluation."""

from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.feedback.offpolicy.observed import Draw
from services.feedback.wire.records import drawn_variant


def draw_of(event: PredictionEvent, reward: float | None) -> Draw:
    """What was drawn, and with what probabilities. The unit of a sticky draw is what was hashed, with its
    salt; of others the entity, or the prediction where it has none."""
    decision, name = event.manifest.decision, event.manifest.prediction_id
    sticky = decision.draw == manifest.DRAW_SOURCE_RENDEZVOUS
    unit = f"{decision.salt}\0{decision.unit_hash}" if sticky else event.entity_id or name
    variant = drawn_variant(event)
    shares = {one.variant: one.probability for one in decision.candidates}
    return Draw(
        name,
        event.time.ToNanoseconds() / 1e9,
        unit,
        sticky,
        variant,
        shares | {variant: decision.propensity},
        reward,
        dict(event.features.numeric_features),
        dict(event.features.categorical_features),
    )
