"""What an analysis compared: by it results are told apart, so that nobody takes one for another."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from turnout.drift.v1.result_pb2 import DriftResult
from turnout.router.v1.model_pb2 import Model

from services.drift.baselines import MAX_FEATURES, Baseline, Segment
from services.drift.segments import segment_asked
from services.drift.wire import read_segment
from services.foundation.errors import InvalidArgument
from services.state.names import ID, ID_RULE, id_of, resource_name

# Of a comparison of everything with a baseline; and of a reference that is no baseline.
OWN, NONE = "own", "-"
ONE_OF_TWO = "goes without reference_model: a result compares with one of the two"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A segment of the traffic or all of it, another model or a baseline, some columns or all. baseline: the
    id of the one that is meant; empty for any. uid: of that baseline, which tells it from another of its id;
    empty for any."""

    segment: Segment | None = None
    reference_model: str = ""
    features: tuple[str, ...] = ()
    baseline: str = ""
    uid: str = ""

    @property
    def reference(self) -> str:
        """A word for the baseline, without a space."""
        return f"{self.baseline}/{self.uid}" if self.uid else self.baseline

    @property
    def about(self) -> str:
        """A word for it, whichever the baseline is: the same for the same columns in another order."""
        if not (self.segment or self.reference_model or self.features):
            return OWN
        said = repr((self.segment and tuple(self.segment), self.reference_model, sorted(self.features)))
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()

    def fits(self, about: str, reference: str) -> bool:
        """Whether a result of those words is of it."""
        own, _, uid = reference.partition("/")
        return about == self.about and self.baseline in ("", own) and self.uid in ("", uid)

    def __str__(self) -> str:
        parts = [f"of segment {self.segment.name}={self.segment.value}"] if self.segment else []
        parts += [f"of {', '.join(self.features[:5])}"] if self.features else []
        parts += [f"with {self.reference_model}"] if self.reference_model else []
        parts += [f"with baseline {self.baseline}"] if self.baseline else []
        return " ".join(parts) or "of all traffic and columns with a baseline"


def compared(result: DriftResult, baseline_uid: str = "") -> Comparison:
    """What a result is of; `baseline_uid` is of the baseline that it names."""
    segment = read_segment(result.segment) if result.HasField("segment") else None
    baseline = id_of(result.baseline) if result.baseline else NONE
    uid = baseline_uid if result.baseline else ""
    return Comparison(segment, result.reference_model, tuple(result.settings.features), baseline, uid)


def comparison_asked(request: Any, model: Model) -> Comparison:
    """The comparison that a request for results means. Raises InvalidArgument, also where it contradicts
    itself."""
    reference = request.reference_model
    if reference:
        reference = resource_name("models", reference, "reference_model")
        if reference == model.name:
            raise _refusal("reference_model", "is the model itself; leave it out for those with a baseline")
        if request.baseline:
            raise _refusal("baseline", ONE_OF_TWO)
    if len(request.features) > MAX_FEATURES:
        raise _refusal("features", f"names {len(request.features)}; at most {MAX_FEATURES}")
    baseline = baseline_named(request.baseline, model) if request.baseline else ""
    features = tuple(dict.fromkeys(request.features))
    return Comparison(segment_asked(request), reference, features, baseline)


def no_contradiction(request: Any) -> None:
    """Raises InvalidArgument where all comparisons are asked for, and one of them."""
    asked: Sequence[str] = ("segment", "reference_model", "features", "baseline")
    for field in asked:
        given = request.HasField(field) if field == "segment" else bool(getattr(request, field))
        if request.all_comparisons and given:
            raise _refusal(field, "goes without all_comparisons, which leaves nothing out")


def baseline_named(given: str, model: Model) -> str:
    """The id of a baseline that is named in full, or by its id. Raises InvalidArgument."""
    before, _, own = given.rpartition("/")
    if before not in ("", f"{model.name}/baselines") or not ID.fullmatch(own):
        said = f"must be {model.name}/baselines/{{id}}, where an id is {ID_RULE}; got {given[:100]!r}"
        raise _refusal("baseline", said)
    return own


def of_that_segment(baseline: Baseline, segment: Segment | None) -> None:
    """Raises InvalidArgument where rows of another part of the traffic are counted on the baseline."""
    own = baseline.segment
    if own != segment:
        said = f"{baseline.name} is of all traffic: leave the segment out"
        if own:
            said = f"{baseline.name} is of {own.name} = {own.value!r}: give that as segment"
        raise _refusal("baseline", said)


def _refusal(field: str, said: str) -> InvalidArgument:
    return InvalidArgument(f"{field} {said}", fields=[(field, said)])
