"""Events and replies put together from bytes say what messages filled in field by field say."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.inference.v1 import manifest_pb2 as wire
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import TabularInput
from turnout.inference.v1.output_pb2 import Classification, Output
from turnout.router.v1 import inference_service_pb2 as rpc

from services.foundation.errors import Unavailable
from services.models.answer import Answer, Failure
from services.models.framing import delimited, double, header, moment, number, text, varint
from services.models.participation import describe
from services.router.execution.frames import Sheet
from services.router.execution.ledger import Ledger, ids_only

NOW = 1_700_000_000_123_456_789
ID, TRACE = "018bcfe5-69f4-7000-8591-b7582265b1f5", "c" * 32
DECISION = wire.Decision(
    mode=wire.DECISION_MODE_STRATEGY,
    variant="b",
    propensity=0.4,
    candidates=[{"variant": "b", "eligible": True}],
)
SEATS = [wire.Participant(model=f"models/{name}", variant=name, attempt=1) for name in "bc"]
YES = Output(classification=Classification(label="yes"))
BUSY = Failure("DROPPED", "RESOURCE_EXHAUSTED", "full", True, 0.0, "models/b")


def answer(cost: float | None, currency: str = "USD") -> Answer:
    return Answer(YES.SerializeToString(), 0.25, "h:1", "a" * 16, 0.75, None, None, cost, currency)


class Known:
    """What a ledger asks of a call."""

    request_id, trace_id = "asked", TRACE


def opened(request: rpc.PredictRequest, u: float = 0.25) -> Ledger:
    event = PredictionEvent(format=1, router_uid="uid").SerializeToString()
    manifest = wire.Manifest(router="routers/r", generation=7).SerializeToString()
    call: Any = Known()
    return Ledger(ID, Sheet(event, manifest, DECISION.SerializeToString()), u, request, call, NOW)


def expected(
    request: rpc.PredictRequest, results: list[Answer | Failure], u: float = 0.25
) -> PredictionEvent:
    """The same, filled in field by field; without latency, costs and rows."""
    now = Timestamp(seconds=NOW // 10**9, nanos=NOW % 10**9)
    event = PredictionEvent(
        format=1,
        router_uid="uid",
        time=now,
        event_time=request.event_time if request.HasField("event_time") else now,
        entity_id=request.entity_id,
        external_id=request.external_id,
        attributes=request.attributes,
        request_id=request.request_id or "asked",
        input_kind=request.input.WhichOneof("kind") or "",
    )
    event.manifest.MergeFrom(
        wire.Manifest(prediction_id=ID, router="routers/r", generation=7, trace_id=TRACE, decision=DECISION)
    )
    event.manifest.decision.u = u
    event.manifest.decision.time.CopyFrom(now)
    for place, (seat, result) in enumerate(zip(SEATS, results, strict=False)):
        event.manifest.participants.append(seat)
        describe(event.manifest.participants[place], result, wire.OUTCOME_SERVED)
        if isinstance(result, Answer):
            event.outputs.add(participant=place, output=YES)
    return event


def written(ledger: Ledger) -> PredictionEvent:
    """The event, once its latency is known to be there."""
    event = PredictionEvent.FromString(ledger.event)
    assert event.manifest.HasField("total_latency")
    event.manifest.ClearField("total_latency")
    return event


REQUESTS = [
    rpc.PredictRequest(router="r"),
    rpc.PredictRequest(router="r", input={"text": "é"}, request_id="mine", entity_id="é", external_id="x"),
    rpc.PredictRequest(
        router="r",
        input={"tabular": TabularInput(numeric_features={"a": 1.5}, categorical_features={"b": "é"})},
        attributes={"k": "v", "é": ""},
        event_time=Timestamp(seconds=5),
    ),
]


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("u", [0.0, 0.25, 1 - 2**-53])
def test_an_answers_event_is_that_of_the_messages(request_: rpc.PredictRequest, u: float) -> None:
    ledger = opened(request_, u)
    tabular = request_.input.tabular if request_.input.HasField("tabular") else None
    ledger.note_input(3, tabular)
    results: list[Answer | Failure] = [BUSY, answer(0.5)]
    for seat, result in zip(SEATS, results, strict=True):
        ledger.add(seat.SerializeToString(), result)
    ledger.serve(YES.SerializeToString())
    whole = expected(request_, results, u)
    whole.rows = 3
    whole.output.CopyFrom(YES)
    if tabular is not None:
        whole.features.CopyFrom(tabular)
    cost = wire.Cost(amount=0.5, currency="USD")
    whole.manifest.MergeFrom(wire.Manifest(total_cost=cost, most_expensive_member_cost=cost))
    assert written(ledger) == whole


def test_a_failures_event_has_no_output_and_no_price() -> None:
    ledger = opened(REQUESTS[0])
    ledger.add(SEATS[0].SerializeToString(), BUSY)
    told = ledger.fail(Unavailable("nobody is there"))
    whole = expected(REQUESTS[0], [BUSY])
    whole.error_code, whole.error_message = "UNAVAILABLE", "nobody is there"
    assert written(ledger) == whole
    assert ID in told.message


@pytest.mark.parametrize(
    ("costs", "total", "greatest"),
    [
        ([(1.0, "USD"), (0.5, "USD")], 1.5, 1.0),
        ([(1.0, "USD"), (None, "USD")], 1.0, 1.0),
        ([(1.0, "USD"), (0.5, "EUR")], None, None),
        ([(None, "USD")], None, None),
    ],
)
def test_known_costs_of_one_currency_are_summed(
    costs: list[tuple[float | None, str]], total: float | None, greatest: float | None
) -> None:
    ledger = opened(REQUESTS[0])
    for seat, (amount, currency) in zip(SEATS, costs, strict=False):
        ledger.add(seat.SerializeToString(), answer(amount, currency))
    ledger.serve(YES.SerializeToString())
    told = wire.Manifest.FromString(ledger.manifest)
    seen = [
        getattr(told, name).amount if told.HasField(name) else None
        for name in ("total_cost", "most_expensive_member_cost")
    ]
    assert seen == [total, greatest]


def test_the_reply_carries_the_manifest_that_the_view_asks_for() -> None:
    ledger = opened(REQUESTS[0])
    ledger.add(SEATS[0].SerializeToString(), answer(None))
    ledger.serve(YES.SerializeToString())
    logged = PredictionEvent.FromString(ledger.event).manifest

    def replied(view: int) -> rpc.PredictResponse:
        request = rpc.PredictRequest(manifest_view=view)  # type: ignore[arg-type]
        return rpc.PredictResponse.FromString(ledger.reply(request))

    whole = rpc.PredictResponse(output=YES, prediction_id=ID, request_id="asked", manifest=logged)
    assert replied(rpc.MANIFEST_VIEW_UNSPECIFIED) == replied(rpc.MANIFEST_VIEW_FULL) == whole
    assert replied(rpc.MANIFEST_VIEW_IDS).manifest == ids_only(logged)
    assert not replied(rpc.MANIFEST_VIEW_NONE).HasField("manifest")


def test_what_is_said_after_the_log_is_in_the_reply_alone() -> None:
    ledger = opened(REQUESTS[0])
    ledger.serve(YES.SerializeToString())
    ledger.warn("too late")
    manifest = rpc.PredictResponse.FromString(ledger.reply(rpc.PredictRequest())).manifest
    assert (manifest.degraded, list(manifest.warnings)) == (True, ["too late"])
    assert not PredictionEvent.FromString(ledger.event).manifest.degraded


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda n: delimited(4, moment(n)), lambda n: PredictionEvent(time=_stamp(n))),
        (lambda n: number(11, n & 0x7FFFFFFF), lambda n: PredictionEvent(rows=n & 0x7FFFFFFF)),
        (lambda n: text(6, "é" * (n % 300)), lambda n: PredictionEvent(entity_id="é" * (n % 300))),
    ],
)
def test_a_field_parses_to_its_value(
    made: Callable[[int], bytes], message: Callable[[int], PredictionEvent]
) -> None:
    rng = random.Random(5)
    for bits in range(62):
        value = rng.getrandbits(bits + 1)
        assert PredictionEvent.FromString(made(value)) == message(value)


def _stamp(nanoseconds: int) -> Timestamp:
    return Timestamp(seconds=nanoseconds // 10**9, nanos=nanoseconds % 10**9)


@pytest.mark.parametrize("length", [0, 1, 127, 128, 300])
@pytest.mark.parametrize("field", [1, 15, 16, 31, 32, 63])
def test_a_field_says_its_length_wherever_its_header_is_found(field: int, length: int) -> None:
    framed = varint(field << 3 | 2) + varint(length)
    assert delimited(field, b"x" * length) == framed + b"x" * length
    assert text(field, "x" * length) == (framed + b"x" * length if length else b"")


@pytest.mark.parametrize("nanoseconds", [0, 1, 999_999_999, 1_000_000_000, 1_000_000_001, 61_000_000_000])
def test_a_duration_of_less_than_a_second_says_no_seconds_and_is_the_same(nanoseconds: int) -> None:
    assert Timestamp.FromString(moment(nanoseconds)) == _stamp(nanoseconds)
    manifest = wire.Manifest.FromString(
        delimited(wire.Manifest.TOTAL_LATENCY_FIELD_NUMBER, moment(nanoseconds))
    )
    assert manifest.total_latency.ToNanoseconds() == nanoseconds


@pytest.mark.parametrize("value", [0.0, -1.5, 1e300])
def test_a_double_parses_to_its_value(value: float) -> None:
    assert wire.Decision.FromString(double(8, value)).u == value
    assert wire.Participant.FromString(double(17, value)).confidence == value


def test_a_long_fields_header_counts_its_bytes() -> None:
    assert header(16, 300) == varint(16 << 3 | 2) + varint(300)
    assert PredictionEvent.FromString(delimited(16, b"x" * 300)).request_id == "x" * 300
