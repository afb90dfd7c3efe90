"""Outputs to arrays and back."""

import numpy as np
import pytest
from google.protobuf.struct_pb2 import Value
from hypothesis import given, settings
from turnout.inference.v1.input_pb2 import TensorContents, TensorInput
from turnout.inference.v1.output_pb2 import (
    Classification,
    ClassifiedRow,
    Embedding,
    LabelProbability,
    Output,
    Regression,
    TextOutput,
)

from services.aggregator.answers import Ballot, Classes, Numbers, Taken, Text, Verdict, kind_of
from services.aggregator.errors import Unreadable
from services.aggregator.wire.answers import classes_of, confidence_of, read_answer, write_answer
from services.models.answer import Row
from tests.aggregator.ballots import panels

NAN = float("nan")


def classified(label: str, rows: list[ClassifiedRow] | None = None, **probabilities: float) -> Output:
    spread = [LabelProbability(label=name, probability=p) for name, p in probabilities.items()]
    return Output(classification=Classification(label=label, probabilities=spread, rows=rows))


def row(label: str, *probabilities: float) -> ClassifiedRow:
    return ClassifiedRow(label=label, probabilities=probabilities)


def verdict(answer: Classes | Numbers | Taken) -> Verdict:
    return Verdict(answer, np.ones((1, 1)), np.zeros(1, dtype=np.bool_))


@settings(derandomize=True, deadline=None, max_examples=30)
@given(panel=panels())
def test_classes_survive_the_way_there_and_back(panel: list[Ballot]) -> None:
    answer = panel[0].answer
    assert isinstance(answer, Classes)
    again = read_answer(write_answer(verdict(answer), []))
    assert isinstance(again, Classes)
    assert again.names == answer.names
    assert again.labels == answer.labels
    assert again.probabilities == pytest.approx(answer.probabilities)


def test_a_batch_without_probabilities_survives_too() -> None:
    answer = Classes(("no", "yes"), np.array([1, 0, 1]))
    message = write_answer(verdict(answer), [])
    assert [row.label for row in message.classification.rows] == ["yes", "no", "yes"]
    again = read_answer(message)
    assert isinstance(again, Classes)
    assert again.names == ["yes", "no", "yes"]
    assert again.probabilities is None


def test_numbers_survive() -> None:
    again = read_answer(write_answer(verdict(Numbers(np.array([1.5, -2]))), []))
    assert isinstance(again, Numbers)
    assert again.values.tolist() == [1.5, -2]


def test_what_was_taken_whole_is_passed_on_as_it_was() -> None:
    outputs = [
        Output(text=TextOutput(content="a")),
        Output(text=TextOutput(content="b", finish_reason="stop")),
    ]
    assert write_answer(verdict(Taken(1)), outputs) == outputs[1]


def test_a_label_beyond_the_probabilities_has_none() -> None:
    answer = read_answer(classified("other", yes=0.75, no=0.25))
    assert isinstance(answer, Classes)
    assert answer.labels == ("yes", "no", "other")
    assert answer.probabilities == pytest.approx(np.array([[0.75, 0.25, 0]]))


def test_rounded_probabilities_are_made_whole() -> None:
    answer = read_answer(classified("a", a=0.34, b=0.33, c=0.33 + 0.009))
    assert isinstance(answer, Classes)
    assert answer.probabilities is not None
    assert answer.probabilities.sum() == pytest.approx(1)
    assert answer.rescaled
    half = read_answer(classified("a", a=0.5004, b=0.5))
    assert isinstance(half, Classes)
    assert not half.rescaled


def test_other_kinds_are_told_apart() -> None:
    assert read_answer(Output(text=TextOutput(content="hi"))) == Text("hi")
    calling = Output()
    calling.text.tool_calls.add(name="f")
    for output, kind in (
        (calling, "tool calls"),
        (Output(embedding=Embedding(values=[1], dimension=1)), "embedding"),
        (Output(json=Value(string_value="x")), "json"),
        (Output(tensors=TensorInput()), "tensors"),
    ):
        assert kind_of(read_answer(output)) == kind


@pytest.mark.parametrize(
    ("output", "path", "said"),
    [
        (Output(), "", "an answer is required"),
        (classified(""), "classification.label", "a label is required"),
        (Output(text=TextOutput(content=" \n")), "text.content", "it is empty"),
        (Output(regression=Regression()), "regression.values", "at least one"),
        (Output(regression=Regression(values=[1, NAN])), "regression.values", "finite"),
        (classified("a", a=0.9, b=0.3), "classification.probabilities", "the sum 1 expected"),
        (classified("a", a=1.5, b=-0.5), "classification.probabilities", "from 0"),
        (classified("a", a=NAN, b=0.5), "classification.probabilities", "numbers"),
        (
            classified("a", [row("a", 1, 0), row("b")], a=1, b=0),
            "classification.rows[1].probabilities",
            "2 expected",
        ),
        (
            classified("a", [row("a", 1.0), row("", 1.0)]),
            "classification.label",
            "every row",
        ),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_told_where(output: Output, path: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said) as refused:
        read_answer(output)
    assert refused.value.path == path


def test_a_label_given_twice_is_no_answer() -> None:
    twice = [LabelProbability(label="a", probability=0.5)] * 2
    with pytest.raises(Unreadable, match="each label once"):
        read_answer(Output(classification=Classification(label="a", probabilities=twice)))


def test_confidence_is_what_is_given_else_the_highest_probability_of_each_row() -> None:
    rows = [
        row("a", 0.9, 0.1),
        row("b", 0.4, 0.6),
    ]
    output = classified("a", rows, a=0.9, b=0.1)
    answer = read_answer(output)
    assert confidence_of(output, answer) == pytest.approx([0.9, 0.6])
    assert confidence_of(output, answer, 0.5) == pytest.approx([0.5, 0.5])


def test_a_text_may_say_how_confident_it_is() -> None:
    output = Output(text=TextOutput(content="hi", confidence=0.25))
    assert confidence_of(output, read_answer(output)) == pytest.approx([0.25])
    assert confidence_of(Output(text=TextOutput(content="hi")), Text("hi")) is None


def test_a_row_that_was_read_is_what_its_output_says_also_of_single_precision() -> None:
    given = TensorContents(fp32_contents=[0.46, 0.54]).fp32_contents
    first, second = given
    known = classes_of(Row(("no", "yes"), 1, given))
    said = read_answer(classified("yes", no=first, yes=second))
    assert known is not None
    assert isinstance(said, Classes)
    assert known.probabilities is not None
    assert said.probabilities is not None
    assert known.probabilities.tobytes() == said.probabilities.tobytes()
    assert (known.labels, known.names) == (said.labels, said.names)
