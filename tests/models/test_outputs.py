"""Replies become answers in the router's own words, and what a reply gets wrong is said, never raised past
the call."""

import struct

import pytest
from inference.open_inference_pb2 import ModelInferResponse
from turnout.router.v1 import model_pb2 as wire

from services.models.answer import CallFailed, Reply
from services.models.elements import parsed_tensors
from services.models.errors import InvalidModel
from services.models.outputs import compile_outputs, pass_on
from tests.models.example import churn, told

CODES = {"INT64": "q", "FP64": "d", "FP32": "f", "FP16": "e", "BOOL": "?"}


def reply(*tensors: tuple[str, str, list[int], list[float]]) -> ModelInferResponse:
    """Tensors (name, datatype, shape, values) with raw contents."""
    built = ModelInferResponse(model_name="churn")
    for name, datatype, shape, values in tensors:
        built.outputs.add(name=name, datatype=datatype, shape=shape)
        built.raw_output_contents.append(struct.pack(f"<{len(values)}{CODES[datatype]}", *values))
    return built


def text_reply(name: str, *texts: bytes) -> ModelInferResponse:
    built = ModelInferResponse()
    tensor = built.outputs.add(name=name, datatype="BYTES", shape=[len(texts)])
    tensor.contents.bytes_contents.extend(texts)
    return built


def read(model: wire.Model, message: ModelInferResponse, rows: int = 1) -> Reply:
    reader = compile_outputs(model).read
    return reader(parsed_tensors(message, rows)) if reader else pass_on(message)


def classifier(**spec: object) -> wire.Model:
    model = churn()
    model.signature.outputs.CopyFrom(wire.OutputSpec(**spec))  # type: ignore[arg-type]
    return model


BOTH = classifier(label="label", probabilities="scores", class_order=["no", "yes"])
SCORES = classifier(probabilities="scores", class_order=["no", "yes"])
LABEL = classifier(label="label")


def chances(answer: Reply) -> list[tuple[str, float]]:
    return [(p.label, p.probability) for p in answer.output.classification.probabilities]


def test_reads_the_label_and_probabilities_of_one_row() -> None:
    answer = read(BOTH, reply(("label", "INT64", [1], [0]), ("scores", "FP64", [1, 2], [0.25, 0.75])))
    # The model's own label counts, though it is not the likeliest class.
    assert answer.output.classification.label == "no"
    assert chances(answer) == [("no", 0.25), ("yes", 0.75)]
    assert answer.confidence == 0.75
    assert not answer.output.classification.rows


def test_reads_every_row_of_a_batch() -> None:
    answer = read(SCORES, reply(("scores", "FP64", [3, 2], [0.9, 0.1, 0.5, 0.5, 0.2, 0.8])), rows=3)
    rows = answer.output.classification.rows
    assert [row.label for row in rows] == ["no", "yes", "yes"]
    assert [list(row.probabilities) for row in rows] == [[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]
    assert answer.output.classification.label == "no"
    assert answer.confidence == pytest.approx((0.9 + 0.5 + 0.8) / 3)


def test_reads_the_positive_probability_alone() -> None:
    answer = read(SCORES, reply(("scores", "FP32", [1], [0.75])))
    assert answer.output.classification.label == "yes"
    assert chances(answer) == [("no", 0.25), ("yes", 0.75)]


@pytest.mark.parametrize(("threshold", "label"), [(0.2, "yes"), (0.25, "yes"), (0.3, "no")])
def test_a_threshold_decides_between_two_classes(threshold: float, label: str) -> None:
    model = churn()
    model.threshold = threshold
    message = reply(("label", "INT64", [1], [1]), ("scores", "FP64", [1, 2], [0.75, 0.25]))
    assert read(model, message).output.classification.label == label


def test_a_routers_threshold_goes_before_the_models() -> None:
    model = churn()
    model.threshold = 0.9
    tensors = parsed_tensors(reply(("scores", "FP64", [1, 2], [0.75, 0.25])), 1)
    reader = compile_outputs(model, threshold=0.1).read
    assert reader is not None
    assert reader(tensors).output.classification.label == "yes"


def test_labels_are_the_routers_words() -> None:
    model = churn()
    model.label_map.update({"yes": "churn", "no": "stay"})
    answer = read(model, reply(("label", "INT64", [1], [1]), ("scores", "FP64", [1, 2], [0.4, 0.6])))
    assert answer.output.classification.label == "churn"
    assert [label for label, _ in chances(answer)] == ["stay", "churn"]


@pytest.mark.parametrize("message", [reply(("label", "INT64", [1], [1])), text_reply("label", b"1")])
def test_labels_without_classes_are_names(message: ModelInferResponse) -> None:
    model = classifier(label="label")
    assert read(model, message).output.classification.label == "1"
    model.label_map["1"] = "churn"
    answer = read(model, message)
    assert answer.output.classification.label == "churn"
    assert answer.confidence is None


def test_reads_numbers_texts_and_tensors() -> None:
    numbers = read(classifier(value="y"), reply(("y", "FP32", [2, 1], [1.5, -2])), rows=2)
    assert list(numbers.output.regression.values) == [1.5, -2]
    assert read(classifier(text="said"), text_reply("said", "hé".encode())).output.text.content == "hé"
    message = reply(("a", "BOOL", [1, 2], [True, False]))
    message.outputs[0].parameters["source"].string_param = "not ours"
    tensors = read(classifier(), message).output.tensors
    assert (tensors.tensors[0].name, list(tensors.tensors[0].shape)) == ("a", [1, 2])
    assert list(tensors.raw_contents) == [b"\x01\x00"]
    assert b"not ours" not in tensors.SerializeToString()


def test_typed_contents_read_like_raw_ones() -> None:
    message = ModelInferResponse()
    tensor = message.outputs.add(name="scores", datatype="FP64", shape=[1, 2])
    tensor.contents.fp64_contents.extend([0.25, 0.75])
    assert chances(read(SCORES, message)) == [("no", 0.25), ("yes", 0.75)]


PAIR = ("scores", "FP64", [1, 2], [1.0, 0.0])


def short(message: ModelInferResponse) -> ModelInferResponse:
    message.raw_output_contents.pop()
    return message


@pytest.mark.parametrize(
    ("model", "message", "says"),
    [
        (BOTH, ModelInferResponse(), "no tensor 'scores'; it has none"),
        (BOTH, reply(("x", "FP64", [1], [1])), "no tensor 'scores'; it has 'x'"),
        (SCORES, reply(("scores", "FP64", [2, 2], [1, 0, 1, 0])), "has shape [2, 2] for 1 rows"),
        (SCORES, reply(("scores", "FP64", [1, 2], [1])), "of shape [1, 2] has 1 elements"),
        (SCORES, reply(("scores", "FP64", [0], [])), "of shape [0] has 0 elements"),
        (SCORES, reply(("scores", "FP64", [1, 3], [1, 0, 0])), "3 probabilities a row for 2 classes"),
        (SCORES, reply(("scores", "FP64", [1, 2], [0.5, 0.6])), "probabilities [0.5, 0.6]"),
        (SCORES, reply(("scores", "FP64", [1, 2], [1.5, -0.5])), "probabilities [1.5, -0.5]"),
        (SCORES, reply(("scores", "FP64", [1, 2], [float("nan"), 1])), "probabilities [nan, 1.0]"),
        (SCORES, reply(("scores", "INT64", [1, 2], [1, 0])), "probabilities are numbers of type FP"),
        (SCORES, short(reply(PAIR, ("b", "BOOL", [1], [1]))), "2 tensors with 1 raw"),
        (LABEL, reply(("label", "FP64", [1], [0.5])), "the label 0.5 is no class"),
        (LABEL, reply(("label", "FP64", [1], [float("inf")])), "the label inf is no class"),
        (LABEL, reply(("label", "INT64", [1, 2], [1, 0])), "has 2 labels a row"),
        (BOTH, reply(("label", "INT64", [1], [2]), PAIR), "no index into 2 classes"),
        (classifier(label="l", class_order=["a"]), text_reply("l", b"b"), "the label 'b' is none of ['a']"),
        (classifier(value="y"), reply(("y", "FP64", [1], [float("nan")])), "not finite"),
        (classifier(value="y"), reply(("y", "FP64", [1, 2], [1, 2])), "one number expected"),
        (classifier(text="t"), reply(("t", "FP64", [1], [1])), "one text expected"),
        (classifier(), ModelInferResponse(), "no tensors"),
    ],
)  # fmt: skip
def test_says_what_is_wrong_with_a_reply(model: wire.Model, message: ModelInferResponse, says: str) -> None:
    with pytest.raises(CallFailed) as caught:
        read(model, message)
    assert (caught.value.kind, caught.value.code) == ("FAILED", "INTERNAL")
    assert caught.value.message.startswith("malformed reply: ")
    assert says in caught.value.message


def test_says_that_an_element_is_longer_than_its_tensor() -> None:
    message = ModelInferResponse(raw_output_contents=[b"\x09\0\0\0short"])
    message.outputs.add(name="label", datatype="BYTES", shape=[1])
    with pytest.raises(CallFailed, match="longer than its tensor"):
        read(LABEL, message)


@pytest.mark.parametrize(
    ("spec", "field", "says"),
    [
        ({"label": "a", "value": "b"}, "value", "an answer of CLASSIFICATION does not read it"),
        ({"kind": wire.OUTPUT_KIND_REGRESSION}, "value", "needs the name of a tensor"),
        ({"probabilities": "p"}, "class_order", "the classes in the order of the probabilities expected"),
        ({"probabilities": "p", "class_order": ["a", "a"]}, "class_order", "each class once"),
        ({"kind": 99}, "kind", "a kind of this version expected"),
    ],
)
def test_refuses_outputs_that_cannot_be_read(spec: dict[str, object], field: str, says: str) -> None:
    with pytest.raises(InvalidModel) as caught:
        compile_outputs(classifier(**spec))
    assert says in told(caught.value)[f"model.signature.outputs.{field}"]


def test_refuses_thresholds_and_maps_that_mean_nothing() -> None:
    model = classifier(label="label", class_order=["no", "yes"])
    model.threshold = 2
    model.label_map.update({"no": "x", "yes": "x", "maybe": "y"})
    with pytest.raises(InvalidModel) as caught:
        compile_outputs(model)
    said = told(caught.value)
    assert said["model.threshold"] == "a threshold needs probabilities of exactly two classes"
    assert said["model.label_map"].startswith("two classes become the same label")
    assert said["model.label_map['maybe']"].startswith("one of the class_order expected")
    number = classifier(value="y")
    number.threshold = 0.5
    with pytest.raises(InvalidModel, match=r"model\.threshold: only a classification"):
        compile_outputs(number)
