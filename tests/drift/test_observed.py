"""What a logged prediction says about a model's input."""

import math

import numpy as np
import pytest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import TabularInput, Tensor, TensorContents, TensorInput
from turnout.inference.v1.manifest_pb2 import (
    OUTCOME_FAILED,
    OUTCOME_SERVED,
    OUTCOME_SKIPPED,
    Manifest,
    Participant,
)

from services.drift.observed import models_asked, records_of, rows_of
from services.drift.rows import Block, Records, Row, Said
from services.state.packed import packed_event


def test_a_model_that_was_tried_twice_saw_the_row_once_and_a_skipped_one_not_at_all() -> None:
    tried = [("models/a", OUTCOME_FAILED), ("models/a", OUTCOME_SERVED), ("models/b", OUTCOME_SKIPPED)]
    manifest = Manifest(participants=[Participant(model=name, outcome=outcome) for name, outcome in tried])
    assert models_asked(PredictionEvent(manifest=manifest)) == {"models/a"}


def test_a_record_is_one_row_at_its_event_time() -> None:
    event = PredictionEvent(
        features=TabularInput(numeric_features={"x": 1.5}, categorical_features={"c": "a"})
    )
    event.time.seconds, event.event_time.seconds = 200, 100
    (row,) = rows_of(event)
    assert isinstance(row, Row)
    assert row.time == 100.0
    assert (dict(row.numeric), dict(row.categorical)) == ({"x": 1.5}, {"c": "a"})


def test_the_features_of_packed_events_stay_so() -> None:
    wire = PredictionEvent(
        features=TabularInput(numeric_features={"x": 1.5}), external_id="o-1", withheld=["y"], format=3
    ).SerializeToString()
    event = packed_event(wire)
    (rows,) = records_of([event, event])
    assert isinstance(rows, Records)
    assert [TabularInput.FromString(one).numeric_features for one in rows.packed] == [{"x": 1.5}] * 2
    assert rows.withheld == {0: {"y"}, 1: {"y"}}
    assert event.external_id == "o-1"
    assert PredictionEvent.FromString(event.SerializeToString()) == PredictionEvent.FromString(wire)


def test_features_that_are_empty_are_a_row_and_none_are_no_row() -> None:
    empty = packed_event(PredictionEvent(features=TabularInput()).SerializeToString())
    none = packed_event(PredictionEvent(external_id="o-1").SerializeToString())
    full = packed_event(PredictionEvent(features=TabularInput(missing=["x"])).SerializeToString())
    assert not none.HasField("features")
    (rows,) = records_of([full, none, empty])
    assert isinstance(rows, Records)
    assert [len(one) for one in rows.packed] == [3, 0]
    assert records_of([none]) == records_of([]) == []


def test_answers_to_records_and_tensors_and_to_what_is_not_known() -> None:
    record = PredictionEvent(features=TabularInput(missing=["x"]), external_id="one")
    tensor = Tensor(
        name="x", datatype="FP64", shape=[2, 1], contents=TensorContents(fp64_contents=[1.0, 2.0])
    )
    table = PredictionEvent(tensors=TensorInput(tensors=[tensor]), external_id="two")
    unknown = PredictionEvent(external_id="three")
    several = PredictionEvent(features=TabularInput(missing=["x"]), external_id="two")
    answers = {"one": Said(["a"], [1.0]), "two": Said(["b", "c"], [1.0, 0.5]), "three": Said(["d"], [None])}
    events = [packed_event(event.SerializeToString()) for event in (record, table, unknown, several)]
    rows, block, alone = records_of(events, (), lambda event: answers[event.external_id])
    assert isinstance(rows, Records)
    # Two answers to one row are none.
    assert rows.said == [answers["one"], None]
    assert isinstance(block, Block)
    assert (block.size, block.said, block.given) == (2, answers["two"], True)
    assert isinstance(alone, Block)
    assert (alone.size, alone.said, alone.given) == (1, answers["three"], False)


@pytest.mark.parametrize(
    ("event_time", "expected"),
    [(None, 200.25), ((0, 0), 0.0), ((0, 500_000_000), 0.5), ((-1, 0), -1.0), ((7, 1), 7.000000001)],
)
def test_a_row_is_of_its_event_time_be_it_the_epoch_and_of_its_arrival_without_one(
    event_time: tuple[int, int] | None, expected: float
) -> None:
    event = PredictionEvent(features=TabularInput())
    event.time.seconds, event.time.nanos = 200, 250_000_000
    if event_time is not None:
        event.event_time.SetInParent()
        event.event_time.seconds, event.event_time.nanos = event_time
    before = event.SerializeToString()
    (row,) = rows_of(event)
    assert row.time == expected
    (rows,) = records_of([packed_event(before)] * 2)
    assert isinstance(rows, Records)
    assert rows.times.tolist() == [math.floor(expected)] * 2
    assert event.SerializeToString() == before


def test_what_is_not_logged_is_said_with_the_row() -> None:
    event = PredictionEvent(features=TabularInput(categorical_features={"c": "hash:0"}), withheld=["c", "x"])
    (row,) = rows_of(event)
    assert isinstance(row, Row)
    assert row.withheld == {"c", "x"}


def test_a_stacked_tensor_is_as_many_rows_as_it_has() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype="<f4")
    tensor = Tensor(name="input", datatype="FP32", shape=[3, 2])
    event = PredictionEvent(tensors=TensorInput(tensors=[tensor], raw_contents=[values.tobytes()]))
    (block,) = rows_of(event, ["x", "y"])
    assert isinstance(block, Block)
    assert block.size == 3
    assert {name: values.tolist() for name, values in block.numeric.items()} == {
        "x": [1.0, 3.0, 5.0],
        "y": [2.0, 4.0, 6.0],
    }
    assert rows_of(event, ["x"]) == []


def test_a_tensor_per_column_is_named_like_it() -> None:
    tensors = [
        Tensor(name=name, datatype="FP64", shape=[2, 1], contents=TensorContents(fp64_contents=values))
        for name, values in (("x", [1.0, 2.0]), ("y", [3.0, 4.0]))
    ]
    tensors.append(Tensor(name="note", datatype="BYTES", shape=[2, 1]))
    event = PredictionEvent(tensors=TensorInput(tensors=tensors))
    (block,) = rows_of(event)
    assert isinstance(block, Block)
    found = {name: values.tolist() for name, values in block.numeric.items()}
    assert found == {"x": [1.0, 2.0], "y": [3.0, 4.0]}


def test_a_tensor_that_does_not_fit_its_shape_is_left_out() -> None:
    tensor = Tensor(name="x", datatype="FP64", shape=[3, 1], contents=TensorContents(fp64_contents=[1.0]))
    assert rows_of(PredictionEvent(tensors=TensorInput(tensors=[tensor]))) == []


def test_text_has_no_rows_to_profile() -> None:
    assert rows_of(PredictionEvent(input_kind="text")) == []
