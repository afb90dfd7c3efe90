"""Outputs: what a model's reply means, compiled from its registration."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from inference.open_inference_pb2 import ModelInferResponse
from turnout.inference.v1.input_pb2 import Tensor, TensorInput
from turnout.inference.v1.output_pb2 import Output, Regression, TextOutput
from turnout.router.v1 import model_pb2 as wire

from services.models.answer import Reply, malformed
from services.models.classes import ClassReader
from services.models.elements import Tensors
from services.models.embedding_reply import packed
from services.models.errors import InvalidModel
from services.models.problems import Problems

PATH = "model.signature.outputs"
Read = Callable[[Tensors], Reply]


@dataclass(frozen=True)
class OutputReader:
    """`read` turns a reply's tensors into a Reply, or raises CallFailed; without it they are passed on.
    `names` are the tensors to ask for; none asks for all. `single` says that an answer speaks of one row."""

    read: Read | None = None
    names: tuple[str, ...] = ()
    single: bool = False


def compile_outputs(model: wire.Model, threshold: float | None = None) -> OutputReader:
    """Check what a registration says of outputs. `threshold` replaces the model's own. Raises InvalidModel
    with a path per problem."""
    problems = Problems()
    reader = read_outputs(model, problems, threshold)
    problems.settle(InvalidModel, "the outputs cannot be read", model.name)
    return reader


def read_outputs(model: wire.Model, problems: Problems, threshold: float | None = None) -> OutputReader:
    """As `compile_outputs`, with the problems added to those of the rest of the registration."""
    spec = model.signature.outputs
    kind = _kind(spec, problems)
    path = "overrides.threshold" if threshold is not None else "model.threshold"
    if threshold is None and model.HasField("threshold"):
        threshold = model.threshold
    if threshold is not None and kind != wire.OUTPUT_KIND_CLASSIFICATION:
        problems.add(path, "only a classification has a threshold")
    if kind == wire.OUTPUT_KIND_CLASSIFICATION:
        if threshold is not None:
            _check_threshold(model.signature.outputs, threshold, path, problems)
        return _classification(model, threshold, problems)
    if kind == wire.OUTPUT_KIND_REGRESSION:
        return OutputReader(_regression(spec.value), (spec.value,))
    if kind == wire.OUTPUT_KIND_TEXT:
        return OutputReader(_text(spec.text), (spec.text,), single=True)
    if kind == wire.OUTPUT_KIND_EMBEDDING:
        return OutputReader(_embedding(spec.embedding), (spec.embedding,))
    return OutputReader()


# The tensor fields of an OutputSpec that each kind reads.
_READS = {
    wire.OUTPUT_KIND_CLASSIFICATION: ("label", "probabilities"),
    wire.OUTPUT_KIND_REGRESSION: ("value",),
    wire.OUTPUT_KIND_TEXT: ("text",),
    wire.OUTPUT_KIND_TENSORS: (),
    wire.OUTPUT_KIND_EMBEDDING: ("embedding",),
}


def _kind(spec: wire.OutputSpec, problems: Problems) -> int:
    """The kind that is declared, or the one whose tensors are named."""
    named = {field for fields in _READS.values() for field in fields if getattr(spec, field)}
    kind = spec.kind or next(
        (kind for kind, fields in _READS.items() if named.intersection(fields)), wire.OUTPUT_KIND_TENSORS
    )
    if kind not in _READS:
        problems.add(f"{PATH}.kind", f"a kind of this version expected, got {kind}")
        return wire.OUTPUT_KIND_TENSORS
    name = wire.OutputKind.Name(kind).removeprefix("OUTPUT_KIND_")
    for field in sorted(named.difference(_READS[kind])):
        problems.add(f"{PATH}.{field}", f"an answer of {name} does not read it")
    if _READS[kind] and not named.intersection(_READS[kind]):
        problems.add(f"{PATH}.{_READS[kind][0]}", f"an answer of {name} needs the name of a tensor")
    return kind


def _classification(model: wire.Model, threshold: float | None, problems: Problems) -> OutputReader:
    # Everything below speaks of classes by the model's names until the very end, when labels replace them.
    spec = model.signature.outputs
    classes = tuple(spec.class_order)
    labels = tuple(model.label_map.get(name, name) for name in classes)
    if spec.probabilities and len(classes) < 2:
        problems.add(f"{PATH}.class_order", "the classes in the order of the probabilities expected")
    if "" in classes or len(set(classes)) != len(classes):
        problems.add(f"{PATH}.class_order", "each class once, by a name")
    elif len(set(labels)) != len(labels):
        problems.add("model.label_map", "two classes become the same label; their probabilities would clash")
    for name in model.label_map:
        if classes and name not in classes:
            problems.add(f"model.label_map['{name}']", f"one of the class_order expected: {list(classes)}")
    reader = ClassReader(
        label=spec.label,
        probabilities=spec.probabilities,
        classes=classes,
        label_map=dict(model.label_map),
        threshold=threshold,
    )
    return OutputReader(reader.read, tuple(filter(None, (spec.label, spec.probabilities))))


def _check_threshold(spec: wire.OutputSpec, threshold: float, path: str, problems: Problems) -> None:
    if not 0 <= threshold <= 1:
        problems.add(path, f"a probability from 0 to 1 expected, got {threshold}")
    if len(spec.class_order) != 2 or not spec.probabilities:
        problems.add(path, "a threshold needs probabilities of exactly two classes")


def _regression(name: str) -> Read:
    def read(tensors: Tensors) -> Reply:
        values, width, datatype = tensors(name)
        if width != 1 or datatype == "BYTES":
            raise malformed(f"tensor '{name}' has {width} {datatype} values a row; one number expected")
        if not all(map(math.isfinite, values)):
            raise malformed(f"tensor '{name}' holds a value that is not finite")
        return Reply(Output(regression=Regression(values=values)).SerializeToString())

    return read


def _text(name: str) -> Read:
    def read(tensors: Tensors) -> Reply:
        values, _, datatype = tensors(name)
        if datatype != "BYTES" or len(values) != 1:
            raise malformed(f"tensor '{name}' has {len(values)} {datatype} values; one text expected")
        said = TextOutput(content=values[0].decode(errors="replace"))
        return Reply(Output(text=said).SerializeToString())

    return read


def _embedding(name: str) -> Read:
    def read(tensors: Tensors) -> Reply:
        values, width, datatype = tensors(name)
        if datatype not in ("FP64", "FP32", "FP16"):
            raise malformed(f"embeddings are numbers of type FP, not {datatype}")
        # What is too large for FP32 becomes infinite, and is refused as such.
        with np.errstate(over="ignore"):
            flat = np.asarray(values, dtype=np.float64).astype(np.float32)
        return Reply(packed(flat.reshape(-1, width)))

    return read


def pass_on(reply: ModelInferResponse) -> Reply:
    """Same field numbers, so the bytes go over as they are; what ours does not have is dropped."""
    if not reply.outputs:
        raise malformed("no tensors")
    if reply.raw_output_contents and len(reply.raw_output_contents) != len(reply.outputs):
        raise malformed(f"{len(reply.outputs)} tensors with {len(reply.raw_output_contents)} raw contents")
    tensors = [Tensor.FromString(output.SerializeToString()) for output in reply.outputs]
    for tensor in tensors:
        tensor.DiscardUnknownFields()
    passed = TensorInput(tensors=tensors, raw_contents=reply.raw_output_contents)
    return Reply(Output(tensors=passed).SerializeToString())
