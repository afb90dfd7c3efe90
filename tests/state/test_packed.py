"""Twins of messages: the same bytes, the same fields, and some of them unread, or read at once."""

import pytest
from google.protobuf.message import DecodeError, Message
from turnout.inference.v1.event_pb2 import EventBatch, Gap, PredictionEvent, PredictionRecord
from turnout.inference.v1.input_pb2 import TabularInput

from services.state.packed import PackedBatch, PackedRecord, WholeBatch, packed_event


@pytest.mark.parametrize(
    ("known", "twin", "packed"),
    [
        (PredictionEvent(), packed_event(b""), {"features", "time", "event_time"}),
        (PredictionRecord(), PackedRecord(), {"event"}),
    ],
)
def test_a_twin_has_every_field_of_its_message(known: Message, twin: Message, packed: set[str]) -> None:
    assert twin.DESCRIPTOR.fields_by_name.keys() == known.DESCRIPTOR.fields_by_name.keys()
    for name, field in known.DESCRIPTOR.fields_by_name.items():
        own = twin.DESCRIPTOR.fields_by_name[name]
        assert (own.number, own.is_repeated) == (field.number, field.is_repeated)
        assert own.type == (field.TYPE_BYTES if name in packed else field.type)


def test_batches_with_their_predictions_have_every_field_of_a_batch() -> None:
    event = PredictionEvent(external_id="o-1", features=TabularInput(missing=["x"]))
    event.time.FromSeconds(5)
    gap = Gap(events=3)
    batch = EventBatch(format=1, writer="w", sequence=2, predictions=[event.SerializeToString()] * 2, gap=gap)
    batch.participants.append(b"late")
    wire = batch.SerializeToString()
    for twin in (WholeBatch, PackedBatch):
        assert twin.DESCRIPTOR.fields_by_name.keys() == EventBatch.DESCRIPTOR.fields_by_name.keys()
        found = twin.FromString(wire)
        assert (found.format, found.writer, found.sequence) == (1, "w", 2)
        assert (found.gap, list(found.participants)) == (gap, [b"late"])
        assert [one.SerializeToString() for one in found.predictions] == list(batch.predictions)
    assert list(WholeBatch.FromString(wire).predictions) == [event, event]


def test_what_is_read_and_written_again_says_the_same() -> None:
    event = PredictionEvent(external_id="o-1", attributes={"tier": "gold"}, segments={"region": "north"})
    event.manifest.prediction_id = "p"
    event.outputs.add(participant=1).output.regression.values.append(2.5)
    event.features.numeric_features["age"] = 40.0
    event.time.FromSeconds(5)
    found = packed_event(event.SerializeToString())
    assert (found.manifest, found.attributes["tier"]) == (event.manifest, "gold")
    assert found.outputs[0] == event.outputs[0]
    assert PredictionEvent.FromString(found.SerializeToString()) == event
    record = PackedRecord(format=1, event=found.SerializeToString(), entry_id="1-0")
    assert PredictionRecord.FromString(record.SerializeToString()).event == event


def test_features_that_are_none_are_found_out_by_who_reads_them() -> None:
    wire = PackedRecord(event=b"\x4a\x02\xff\xff").SerializeToString()
    assert packed_event(b"\x4a\x02\xff\xff").HasField("features")
    with pytest.raises(DecodeError):
        PredictionRecord.FromString(wire)
