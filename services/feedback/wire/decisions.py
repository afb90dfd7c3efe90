"""What evidence keeps of a logged prediction."""

from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from turnout.feedback.v1.evidence_pb2 import DecisionChunk, DecisionContext, SegmentSet
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.feedback.evidence.observations import DECISION, ENTITY, FAILED
from services.feedback.evidence.plan import Watch
from services.feedback.wire.records import drawn_failed, drawn_variant
from services.feedback.wire.traffic import microseconds

Context = tuple[int, tuple[str, ...], tuple[float, ...]]
# The fields of DECISION, in microseconds and whole rows, hold no more.
MOST_LATENCY, MOST_ROWS = 2**32 - 1, 2**16 - 1


class Decided(NamedTuple):
    """A decision between arms that are compared. unit: hash of 64 bits, of an entity where `entity`."""

    prediction_id: str
    unit: int
    entity: bool
    variant: str
    context: Context
    segments: tuple[str, ...]
    failed: bool
    latency: int
    rows: int


def decided(event: PredictionEvent, watch: Watch) -> Decided | None:
    """None where chance had no choice between two arms that are compared: pinned, held by an earlier draw,
    named by a policy, in turn, or all but one with no share."""
    decision, variant = event.manifest.decision, drawn_variant(event)
    if variant not in watch.arms or decision.draw == manifest.DRAW_SOURCE_COUNTER:
        return None
    shares = sorted((one.variant, one.probability) for one in decision.candidates if one.probability > 0)
    variants, probabilities = tuple(one for one, _ in shares), tuple(share for _, share in shares)
    if variant not in variants or sum(one in watch.arms for one in variants) < 2:
        return None
    unit, entity = _unit(event, watch)
    return Decided(
        event.manifest.prediction_id,
        unit,
        entity,
        variant,
        (event.manifest.generation, variants, probabilities),
        tuple(f"{name}={event.segments[name]}" for name in watch.segments if name in event.segments),
        drawn_failed(event),
        min(microseconds(event.manifest.total_latency), MOST_LATENCY),
        min(max(event.rows, 1), MOST_ROWS),
    )


def chunk_of(some: list[Decided], thinned: int = 0) -> DecisionChunk:
    """Decisions of one entry of the event stream, as they are kept."""
    contexts: dict[Context, int] = {}
    sets: dict[tuple[str, ...], int] = {}
    packed = np.zeros(len(some), DECISION)
    for at, one in enumerate(some):
        high, low = _words(one.prediction_id)
        context = contexts.setdefault(one.context, len(contexts))
        segments = sets.setdefault(one.segments, len(sets))
        flags = FAILED * one.failed | ENTITY * one.entity
        arm = one.context[1].index(one.variant)
        packed[at] = (high, low, one.unit, one.latency, one.rows, context, segments, arm, flags)
    made = DecisionChunk(decisions=packed.tobytes(), thinned=thinned)
    for generation, variants, probabilities in contexts:
        made.contexts.append(
            DecisionContext(generation=generation, variants=variants, probabilities=probabilities)
        )
    made.segments.extend(SegmentSet(segments=one) for one in sets)
    return made


def _unit(event: PredictionEvent, watch: Watch) -> tuple[int, bool]:
    """Hash of what was drawn for. Of a sticky draw the log always has one, whatever it holds back of the
    entity; it is hashed again, as the draw itself went by it."""
    told = event.manifest.decision.unit_hash or event.entity_id
    entity = watch.by_entity and bool(told)
    about = told if entity else event.manifest.prediction_id
    digest = blake2b(about.encode(), key=event.router_uid.encode()[:64], digest_size=8).digest()
    return int.from_bytes(digest, "little"), entity


def _words(prediction_id: str) -> tuple[int, int]:
    number = int(prediction_id.replace("-", ""), 16)
    return number >> 64, number & (2**64 - 1)
