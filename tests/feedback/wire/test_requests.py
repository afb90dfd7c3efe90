import math
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.feedback.v1.feedback_service_pb2 import MetricValue, RecordFeedbackRequest
from turnout.inference.v1.event_pb2 import Truth

from services.feedback.wire.requests import completed
from services.foundation.errors import InvalidArgument
from tests.feedback.recorded import NOW, prediction_id

ID = prediction_id(1)


def test_what_is_absent_is_completed_and_what_is_there_is_kept() -> None:
    full = completed(RecordFeedbackRequest(prediction_id=ID, reward=1), NOW)
    assert full.observed_at.ToMicroseconds() == int(NOW * 1e6)
    assert len(full.feedback_id) == 32
    given = RecordFeedbackRequest(
        prediction_id=ID, reward=1, feedback_id="mine", observed_at=Timestamp(seconds=5)
    )
    assert completed(given, NOW) == given


def test_the_same_words_are_the_same_feedback_whenever_they_come() -> None:
    request = RecordFeedbackRequest(prediction_id=ID, reward=1)
    assert completed(request, NOW).feedback_id == completed(request, NOW + 9).feedback_id
    other = RecordFeedbackRequest(prediction_id=ID, reward=0)
    assert completed(other, NOW).feedback_id != completed(request, NOW).feedback_id


@pytest.mark.parametrize("keyed", [{"external_id": "order-7"}, {"prediction_id": ID}])
def test_a_router_by_either_of_its_names_is_the_same_words(keyed: dict[str, Any]) -> None:
    short, full = (
        completed(RecordFeedbackRequest(router=name, reward=1, **keyed), NOW)
        for name in ("till", "routers/till")
    )
    assert short == full
    other = completed(RecordFeedbackRequest(router="desk", reward=1, **keyed), NOW)
    assert other.feedback_id != full.feedback_id


def test_without_any_key_of_a_prediction_each_is_offered() -> None:
    with pytest.raises(InvalidArgument, match="prediction_id is required, or router with external_id"):
        completed(RecordFeedbackRequest(router="till", reward=1), NOW)


WRONG = [
    (RecordFeedbackRequest(reward=1), "prediction_id", "INVALID_ARGUMENT"),
    (RecordFeedbackRequest(prediction_id="nonsense", reward=1), "prediction_id", "INVALID_ARGUMENT"),
    (RecordFeedbackRequest(prediction_id=ID), "outcome", "INVALID_ARGUMENT"),
    (RecordFeedbackRequest(prediction_id=ID, row=-1, reward=1), "row", "INVALID_ARGUMENT"),
    (RecordFeedbackRequest(prediction_id=ID, truth=Truth()), "truth", "INVALID_ARGUMENT"),
    (RecordFeedbackRequest(prediction_id=ID, metric=MetricValue(value=1)), "metric.name", "INVALID_ARGUMENT"),
    (
        RecordFeedbackRequest(prediction_id=ID, metric=MetricValue(name="m", value=math.nan)),
        "metric.value",
        "REWARD_OUT_OF_RANGE",
    ),
    (RecordFeedbackRequest(prediction_id=ID, reward=math.inf), "reward", "REWARD_OUT_OF_RANGE"),
    (
        RecordFeedbackRequest(prediction_id=ID, reward=1, feedback_id="x" * 129),
        "feedback_id",
        "INVALID_ARGUMENT",
    ),
    (
        RecordFeedbackRequest(prediction_id=ID, reward=1, feedback_id="a\nb"),
        "feedback_id",
        "INVALID_ARGUMENT",
    ),
    *(
        (
            RecordFeedbackRequest(prediction_id=ID, reward=1, observed_at=odd),
            "observed_at",
            "INVALID_ARGUMENT",
        )
        for odd in (Timestamp(seconds=2**62), Timestamp(nanos=2**31 - 1), Timestamp(nanos=-1))
    ),
    (RecordFeedbackRequest(prediction_id=ID, truth=Truth(label="")), "truth.label", "INVALID_ARGUMENT"),
    (
        RecordFeedbackRequest(prediction_id=ID, truth=Truth(label="x" * 1025)),
        "truth.label",
        "INVALID_ARGUMENT",
    ),
    (
        RecordFeedbackRequest(prediction_id=prediction_id(1, NOW + 61), reward=1),
        "prediction_id",
        "INVALID_ARGUMENT",
    ),
    (
        RecordFeedbackRequest(prediction_id=ID, reward=1, observed_at=Timestamp(seconds=-1)),
        "observed_at",
        "INVALID_ARGUMENT",
    ),
    (
        RecordFeedbackRequest(prediction_id=ID, reward=1, observed_at=Timestamp(seconds=int(NOW) + 90_000)),
        "observed_at",
        "INVALID_ARGUMENT",
    ),
]


@pytest.mark.parametrize(
    ("request_", "field", "reason"), WRONG, ids=[f"{w[1]}-{n}" for n, w in enumerate(WRONG)]
)
def test_what_is_wrong_is_named(request_: RecordFeedbackRequest, field: str, reason: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        completed(request_, NOW)
    assert raised.value.fields[0].field == field
    assert raised.value.reason == reason
