"""Why a baseline is not kept, not activated or not there, in words."""

from collections.abc import Iterable, Sequence

from services.drift.baselines import Baseline, Segment
from services.drift.counted import MOST_BESIDE
from services.drift.errors import BaselineNotFound
from services.state.errors import NameTaken, RequestIdReused, StoreFull
from services.state.once import Once


def nothing_active(model: str, segment: Segment | None, others: Iterable[Segment | None]) -> BaselineNotFound:
    """Nothing to compare with; `others` are the segments that have something."""
    if segment is None:
        return BaselineNotFound(f"{model} has no active baseline; create one first", model=model)
    known = ", ".join(f"{one.name} = {one.value!r}" for one in others if one)
    said = (
        f"{model} has no active baseline of the segment {segment.name} = {segment.value!r}; make one with "
        f"CreateBaseline and that segment, or UploadBaseline and segments [{segment.name!r}]"
    )
    return BaselineNotFound(said + (f". Segments that have one: {known}" if known else ""), model=model)


def full(example: Baseline, most: int) -> StoreFull:
    """Too many segments."""
    said = (
        f"{example.model} would be compared by more than {most} segments, the most that are "
        "profiled beside all of its traffic: delete a baseline of another segment first"
    )
    return StoreFull(said, limit=most)


def occupied(example: Baseline, there: str) -> StoreFull:
    """Another baseline is counted beside the active one already."""
    part = example.segment
    of = f"the segment {part.name} = {part.value!r} of {example.model}" if part else example.model
    said = (
        f"at most {MOST_BESIDE} baseline is counted beside the active one, which of {of} is {there!r}: make "
        "that one active, or stop counting it (SetActiveBaseline with activate false and counted false)"
    )
    return StoreFull(f"counted: {said}", fields=[("counted", said)], limit=MOST_BESIDE)


def refusal(
    reply: Sequence[str], example: Baseline, once: Once | None, most: int
) -> NameTaken | StoreFull | RequestIdReused:
    """What the script that creates them refused."""
    if reply[0] == "TAKEN":
        name = f"{example.model}/baselines/{reply[1]}"
        said = "is taken; choose another id or leave it empty"
        return NameTaken(f"{name} {said}", fields=[("baseline_id", said)], name=name)
    if reply[0] == "FULL":
        said = (
            f"{example.model} would have more than {most} baselines, the most that are kept: delete "
            "one first (DeleteBaseline)"
        )
        return StoreFull(said, limit=most)
    said = "belongs to a different request; send a new one"
    request_id = once.request_id if once else ""
    return RequestIdReused(
        f"request_id {request_id} {said}", fields=[("request_id", said)], request_id=request_id
    )
