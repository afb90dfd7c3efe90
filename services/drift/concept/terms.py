"""How a model's errors are watched: what was asked for, or the defaults."""

import hashlib
from collections.abc import Iterator
from math import isfinite
from typing import NamedTuple

from turnout.drift.v1 import concept_pb2 as concept

from services.drift.detectors import Settings
from services.foundation.errors import FieldViolation

DETECTOR_NAMES = {
    concept.CONCEPT_DETECTOR_SHIRYAEV_ROBERTS: "shiryaev_roberts",
    concept.CONCEPT_DETECTOR_ADWIN: "adwin",
    concept.CONCEPT_DETECTOR_PAGE_HINKLEY: "page_hinkley",
}
DEFAULT_DETECTOR = concept.CONCEPT_DETECTOR_SHIRYAEV_ROBERTS
# Fewer say too little of what is usual; more are a state too large, and a watch that begins too late.
LEAST_LEARNING, LEARNING, MOST_LEARNING = 100, 1000, 10_000
# Of a million labels without a change, one alarm; below 100 every bad hour would be one.
LEAST_BETWEEN, BETWEEN, MOST_BETWEEN = 100.0, 1e6, 1e9
# Of the usual loss, how far it may be from 0 and 1: a bet against it must stay one.
LEAST_USUAL, MOST_USUAL = 1e-4, 0.999
# A given usual loss needs no labels to be learnt from, but a verdict needs some.
LEAST_LABELS = 30


class Terms(NamedTuple):
    """What a fold goes by. usual, scale: None where they are learnt; digest: changes with whatever begins
    anew."""

    detector: str
    usual: float | None
    learning: int
    between: float
    scale: float | None
    digest: str

    def settings(self, usual: float) -> Settings:
        """For the detectors, once the usual loss is known."""
        return Settings(min(max(usual, LEAST_USUAL), MOST_USUAL), self.between)

    def of_rewards(self, measure: str) -> "Terms":
        """The same for the rewards of a measure: shares of its range, whose usual loss is learnt."""
        return self._replace(usual=None, scale=1.0, digest=f"{self.digest} {measure}")


def split(settings: str) -> tuple[str, str]:
    """Of what a stream was folded under: the digest of the model's terms, and the measure of its rewards."""
    digest, _, measure = settings.partition(" ")
    return digest, measure


def terms_of(given: concept.ConceptDetection) -> Terms:
    """The terms of a message that has no `faults`."""
    detector = DETECTOR_NAMES[given.detector or DEFAULT_DETECTOR]
    usual = given.usual_loss if given.HasField("usual_loss") else None
    learning = given.learning_labels if given.HasField("learning_labels") else LEARNING
    between = given.labels_between_alarms if given.HasField("labels_between_alarms") else BETWEEN
    scale = given.error_scale if given.HasField("error_scale") else None
    # Which detector is listened to changes nothing that is folded.
    about = repr((usual, learning, between, scale, given.epoch))
    digest = hashlib.blake2b(about.encode(), digest_size=6).hexdigest()
    return Terms(detector, usual, learning, between, scale, digest)


def faults(given: concept.ConceptDetection, where: str) -> Iterator[FieldViolation]:
    """What is wrong with a message, by field below `where`."""

    def fault(name: str, right: str) -> FieldViolation:
        return FieldViolation(f"{where}.{name}", f"{right}; got {getattr(given, name)}")

    if given.detector not in (0, *DETECTOR_NAMES):
        yield fault("detector", "is CONCEPT_DETECTOR_SHIRYAEV_ROBERTS, _ADWIN or _PAGE_HINKLEY")
    if given.HasField("usual_loss") and not LEAST_USUAL <= given.usual_loss <= MOST_USUAL:
        yield fault("usual_loss", f"is {LEAST_USUAL} to {MOST_USUAL}")
    if given.HasField("learning_labels") and not LEAST_LEARNING <= given.learning_labels <= MOST_LEARNING:
        yield fault("learning_labels", f"is {LEAST_LEARNING} to {MOST_LEARNING}")
    between = given.labels_between_alarms
    if given.HasField("labels_between_alarms") and not LEAST_BETWEEN <= between <= MOST_BETWEEN:
        yield fault("labels_between_alarms", f"is {LEAST_BETWEEN:g} to {MOST_BETWEEN:g}")
    if given.HasField("error_scale") and not (isfinite(given.error_scale) and given.error_scale > 0):
        yield fault("error_scale", "is a number above 0")
