"""What a logged prediction says about a model's answer."""

import numpy as np
import pytest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import Tensor, TensorContents, TensorInput
from turnout.inference.v1.output_pb2 import (
    Classification,
    ClassifiedRow,
    LabelProbability,
    Output,
    Regression,
    TextOutput,
)
from turnout.router.v1.model_pb2 import OutputSpec

from services.drift.answered import read_answer, said_by
from services.drift.observed import rows_of
from services.drift.rows import Block, Row, Said

LIKELY = [LabelProbability(label="stay", probability=0.3), LabelProbability(label="churn", probability=0.7)]
SPEC = OutputSpec(label="label", probabilities="proba", class_order=["stay", "churn"])


def event(*answers: tuple[str, Output | None]) -> PredictionEvent:
    """An event of participants and their answers."""
    made = PredictionEvent()
    for place, (model, output) in enumerate(answers):
        made.manifest.participants.add(model=model)
        if output is not None:
            made.outputs.add(participant=place, output=output)
    return made


def numbers(name: str, values: list[list[float]]) -> Tensor:
    flat = [value for row in values for value in row]
    shape = [len(values), len(values[0])]
    return Tensor(name=name, datatype="FP64", shape=shape, contents=TensorContents(fp64_contents=flat))


def words(name: str, values: list[bytes]) -> Tensor:
    contents = TensorContents(bytes_contents=values)
    return Tensor(name=name, datatype="BYTES", shape=[len(values)], contents=contents)


def tensors(*some: Tensor) -> Output:
    return Output(tensors=TensorInput(tensors=some))


def test_each_model_said_what_its_own_participant_did() -> None:
    churn = Output(classification=Classification(label="churn", probabilities=LIKELY))
    stay = Output(classification=Classification(label="stay", probabilities=LIKELY))
    logged = event(("models/a", None), ("models/b", stay), ("models/a", churn))
    assert said_by(logged, "models/a") == Said(["churn"], [0.7])
    assert said_by(logged, "models/b") == Said(["stay"], [0.3])
    assert said_by(logged, "models/c") is None


def test_a_batch_of_classes_is_as_many_rows() -> None:
    rows = [ClassifiedRow(label="churn", probabilities=[0.4, 0.6]), ClassifiedRow(label="stay")]
    found = Classification(label="churn", probabilities=LIKELY, rows=rows)
    assert read_answer(Output(classification=found)) == Said(["churn", "stay"], [0.6, None])


def test_a_class_without_a_probability_has_no_score() -> None:
    assert read_answer(Output(classification=Classification(label="churn"))) == Said(["churn"], [None])
    assert read_answer(Output(classification=Classification())) == Said([None], [None])


def test_numbers_are_scores_and_texts_are_none() -> None:
    assert read_answer(Output(regression=Regression(values=[1.5, 2.5]))) == Said([None, None], [1.5, 2.5])
    assert read_answer(Output(text=TextOutput(content="well"))) is None
    assert read_answer(Output()) is None


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (tensors(numbers("proba", [[0.2, 0.8], [0.9, 0.1]])), Said(["churn", "stay"], [0.8, 0.9])),
        (
            tensors(numbers("label", [[1], [0]]), numbers("proba", [[0.2, 0.8], [0.9, 0.1]])),
            Said(["churn", "stay"], [0.8, 0.9]),
        ),
        (
            tensors(numbers("label", [[1], [0]]), numbers("proba", [[0.8], [0.1]])),
            Said(["churn", "stay"], [0.8, 0.9]),
        ),
        (tensors(numbers("label", [[7], [0.5]])), Said(["7", "0.5"], [None, None])),
        (tensors(words("label", [b"stay"])), Said(["stay"], [None])),
        (tensors(numbers("other", [[1]])), None),
        (tensors(Tensor(name="label", datatype="FP64", shape=[3])), None),
    ],
)  # fmt: skip
def test_tensors_are_read_where_the_signature_names_them(output: Output, expected: Said | None) -> None:
    assert read_answer(output, SPEC) == expected
    assert read_answer(output) is None


def test_a_value_tensor_is_a_score() -> None:
    assert read_answer(tensors(numbers("y", [[3.0], [4.0]])), OutputSpec(value="y")) == Said(
        [None, None], [3.0, 4.0]
    )


def test_an_answer_goes_with_its_rows_and_not_with_others() -> None:
    two = Said(["a", "b"], [None, None])
    record = PredictionEvent()
    record.features.numeric_features["x"] = 1.0
    (row,) = rows_of(record, (), two)
    assert isinstance(row, Row)
    assert row.said is None
    values = np.zeros((2, 1), dtype="<f8")
    pair = TensorInput(
        tensors=[Tensor(name="x", datatype="FP64", shape=[2, 1])], raw_contents=[values.tobytes()]
    )
    (block,) = rows_of(PredictionEvent(tensors=pair), (), two)
    assert block.said == two
    (alone,) = rows_of(PredictionEvent(input_kind="text"), (), two)
    assert isinstance(alone, Block)
    assert (alone.size, alone.given) == (2, False)
