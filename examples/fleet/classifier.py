"""A trained classifier as a model server offers it: tensors in, tensors out."""

import math

import numpy as np
from inference import open_inference_pb2 as wire
from numpy.typing import NDArray

from examples.fleet.catalog import FLEET, INPUT, LABEL, PROBABILITIES
from examples.fleet.faults import Faults
from examples.fleet.training import Classifier

FLOATS = "<f8"
INTEGERS = "<i8"


class BadRequest(ValueError):
    """The caller's tensors are not what the model reads."""


class ServedClassifier:
    """Answers ModelInfer requests of any number of rows."""

    def __init__(self, name: str, faults: Faults, classifier: Classifier) -> None:
        self.name = name
        self._model = FLEET[name]
        self._faults = faults
        self._classifier = classifier

    def metadata(self) -> wire.ModelMetadataResponse:
        """What it takes and gives."""
        tensor = wire.ModelMetadataResponse.TensorMetadata
        outputs = [tensor(name=LABEL, datatype="INT64", shape=[-1])]
        if self._model.probabilities:
            shape = [-1, len(self._model.classes)]
            outputs.append(tensor(name=PROBABILITIES, datatype="FP64", shape=shape))
        return wire.ModelMetadataResponse(
            name=self.name,
            versions=["1"],
            platform="scikit-learn",
            inputs=[tensor(name=INPUT, datatype="FP64", shape=[-1, len(self._model.columns)])],
            outputs=outputs,
        )

    async def infer(self, request: wire.ModelInferRequest) -> wire.ModelInferResponse:
        """Labels as indices, and probabilities where it has them. Raises BadRequest."""
        scores = self._faults.spoil(self._scores(self._rows(request)))
        answers: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {LABEL: scores.argmax(axis=1)}
        if self._model.probabilities:
            answers[PROBABILITIES] = scores
        wanted = [output.name for output in request.outputs] or list(answers)
        if unknown := set(wanted) - set(answers):
            raise BadRequest(f"no output named {sorted(unknown)}; there are {sorted(answers)}")
        reply = wire.ModelInferResponse(model_name=self.name, model_version="1", id=request.id)
        for name in wanted:
            _append(reply, name, answers[name], raw=bool(request.raw_input_contents))
        return reply

    def _scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._model.probabilities:
            return self._classifier.predict_proba(rows)
        scores: NDArray[np.float64] = np.eye(len(self._model.classes))[self._classifier.predict(rows)]
        return scores

    def _rows(self, request: wire.ModelInferRequest) -> NDArray[np.float64]:
        width = len(self._model.columns)
        if [tensor.name for tensor in request.inputs] != [INPUT]:
            raise BadRequest(f"exactly one tensor named '{INPUT}' expected")
        tensor = request.inputs[0]
        if tensor.datatype != "FP64" or len(tensor.shape) != 2 or tensor.shape[1] != width:
            raise BadRequest(f"FP64 [rows, {width}] expected, got {tensor.datatype} {list(tensor.shape)}")
        if request.raw_input_contents:
            flat = np.frombuffer(request.raw_input_contents[0], FLOATS)
        else:
            flat = np.array(tensor.contents.fp64_contents)
        if not flat.size or flat.size != math.prod(tensor.shape) or not np.isfinite(flat).all():
            raise BadRequest(f"{math.prod(tensor.shape)} finite numbers expected")
        return flat.reshape(-1, width)


def _append(
    reply: wire.ModelInferResponse,
    name: str,
    values: NDArray[np.float64] | NDArray[np.int64],
    *,
    raw: bool,
) -> None:
    whole = values.dtype.kind == "i"
    tensor = reply.outputs.add(name=name, datatype="INT64" if whole else "FP64", shape=values.shape)
    if raw:
        reply.raw_output_contents.append(values.astype(INTEGERS if whole else FLOATS).tobytes())
    elif whole:
        tensor.contents.int64_contents.extend(map(int, values.ravel()))
    else:
        tensor.contents.fp64_contents.extend(values.ravel().tolist())
