"""Signatures: what a model reads, compiled once, so that a call only looks columns up and packs them."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from inference.open_inference_pb2 import ModelInferRequest
from turnout.inference.v1.input_pb2 import Input, TabularInput, TensorInput
from turnout.router.v1.model_pb2 import LAYOUT_KIND_PER_COLUMN, Model
from turnout.router.v1.model_pb2 import Signature as SignatureMessage

from services.models.alike import Alike, around, filled
from services.models.columns import Column, compile_column, default_dtype, read
from services.models.datatypes import DATATYPES, Datatype, encode_bytes
from services.models.errors import InputMismatch, InvalidModel
from services.models.framing import delimited
from services.models.layouts import RAW_CONTENTS, Expected, Layout, PerColumn, Stacked
from services.models.problems import Problems
from services.models.records import Record, record_of_row, record_of_tabular
from services.models.tensors import pass_through

PATH = "model.signature"
DEFAULT_INPUT = "input"


class Request(NamedTuple):
    """A question as its model reads it: the body of the call, and the rows it asks about."""

    body: bytes
    rows: int


# The fields of an input by the signature that they were laid out for, serialized.
LaidOut = dict[bytes, Request]


class _Fitting(NamedTuple):
    """What was made of tensors that fit: the fields around their raw contents, and the rows."""

    body: tuple[bytes, ...]
    rows: int


class Signature:
    """A compiled signature. `names` are the columns that the model reads, in its order."""

    def __init__(self, model: str, columns: Sequence[Column], layout: Layout | None, text_input: str) -> None:
        self._model = model
        self._columns = columns
        self._layout = layout
        self.names = tuple(column.name for column in columns)
        self._known = frozenset(self.names)
        self._boolean = frozenset(c.name for c in columns if c.dtype.name == "BOOL")
        # Floats need no check of their own beyond being there and finite.
        self._plain = all(column.numeric and column.dtype.bounds is None for column in columns)
        # The tensors that the columns become; none where there are no columns.
        self.expected: Expected = layout.expected if layout is not None else {}
        self._alike: Alike[_Fitting] = Alike(TensorInput, "raw_contents")
        tensor = ModelInferRequest.InferInputTensor(name=text_input, datatype="BYTES", shape=(1,))
        self._text_head = ModelInferRequest(inputs=[tensor]).SerializeToString()

    def assemble(self, given: Input) -> Request:
        """The input as fields of a ModelInferRequest. Raises InputMismatch naming every column that does not
        fit; columns that the model does not read are ignored (see `unknown_columns`)."""
        # Most are records: to ask for one kind takes half as long as to ask which it is.
        if given.HasField("tabular"):
            tabular = given.tabular
            return self._plainly(tabular) or self._record(record_of_tabular(tabular))
        match given.WhichOneof("kind"):
            case "row":
                return self._record(record_of_row(given.row, self._boolean))
            case "tensors":
                return self._tensors(given)
            case "text" if not self._columns:
                body = delimited(RAW_CONTENTS, encode_bytes((given.text.encode(),)))
                return Request(self._text_head + body, 1)
            case kind:
                reads = "row, tabular or tensors" if self._columns else "tensors or text"
                raise self._mismatch("input", f"{reads} expected, got {kind or 'nothing'}")

    def features(self, given: Input) -> TabularInput | None:
        """The record of a row or tabular input, as it is logged; None for other kinds. Tabular input comes
        back as it is, not copied."""
        if given.HasField("tabular"):
            return given.tabular
        return record_of_row(given.row, self._boolean).as_message() if given.HasField("row") else None

    def _record(self, record: Record) -> Request:
        if self._layout is None:
            wanted = "tensors expected: the model's signature declares no columns"
            raise self._mismatch("input", wanted)
        problems = Problems()
        cells = [read(column, record, self._known, problems) for column in self._columns]
        problems.settle(InputMismatch, self._subject, self._model)
        return Request(self._layout.encode(cells), 1)

    def _plainly(self, tabular: TabularInput) -> Request | None:
        """The common case in a fifth of the time: floats only, and all of them there and finite."""
        if not self._plain or self._layout is None or tabular.missing:
            return None
        if not self._known.isdisjoint(tabular.categorical_features):
            return None
        # get(), for a subscript would insert what is missing into the message.
        cells: list[Any] = list(map(tabular.numeric_features.get, self.names))
        try:
            # The sum is finite only if all are there and finite. (Or too large together: then look closer.)
            return Request(self._layout.encode(cells), 1) if math.isfinite(sum(cells)) else None
        except (TypeError, OverflowError):
            return None

    def _tensors(self, given: Input) -> Request:
        # Before they are reframed: that takes away what is unknown, and must not let the next one differ.
        message = given.tensors.SerializeToString()
        found = self._alike.find(message)
        if found is not None:
            fitting, parts = found
            return Request(filled(fitting.body, parts), fitting.rows)
        problems = Problems()
        fields, rows = pass_through(given.tensors, self.expected, problems)
        problems.settle(InputMismatch, self._subject, self._model)
        # Whether tensors fit is a matter of names, types, shapes and lengths, whatever their numbers are.
        contents = given.tensors.raw_contents
        self._alike.learn(message, _Fitting(around(fields, RAW_CONTENTS, contents), rows))
        return Request(fields, rows)

    @property
    def _subject(self) -> str:
        return f"the input does not fit {self._model}"

    def _mismatch(self, path: str, description: str) -> InputMismatch:
        return InputMismatch(
            f"{self._subject}: {path}: {description}", fields=[(path, description)], model=self._model
        )


def compile_signature(model: Model) -> Signature:
    """Check what a registration says of inputs. Raises InvalidModel with a path per problem."""
    problems = Problems()
    signature = read_signature(model, problems)
    problems.settle(InvalidModel, "the signature cannot work", model.name)
    return signature


def read_signature(model: Model, problems: Problems) -> Signature:
    """As `compile_signature`, with the problems added to those of the rest of the registration."""
    given = model.signature
    text_input = given.layout.input_name or DEFAULT_INPUT
    if not given.features:
        return Signature(model.name, (), None, text_input)
    per_column = given.layout.kind == LAYOUT_KIND_PER_COLUMN
    stacked = None if per_column else _stacked_type(given, problems)
    columns: list[Column] = []
    seen: set[str] = set()
    for index, feature in enumerate(given.features):
        path = f"{PATH}.features[{index}]"
        if not feature.name or feature.name in seen:
            wrong = f"'{feature.name}' is declared twice" if feature.name else "a name expected"
            problems.add(f"{path}.name", wrong)
        seen.add(feature.name)
        own = _dtype(default_dtype(feature), f"{path}.dtype", problems)
        if stacked and feature.dtype in DATATYPES and own is not stacked:
            wrong = f"stacked columns are all sent as {stacked.name}; leave it empty or use PER_COLUMN"
            problems.add(f"{path}.dtype", wrong)
        columns.append(compile_column(feature, stacked or own, path, problems))
    layout: Layout = Stacked(text_input, stacked, len(columns)) if stacked else PerColumn(columns)
    return Signature(model.name, columns, layout, text_input)


def _stacked_type(given: SignatureMessage, problems: Problems) -> Datatype:
    """The layout's type, else the one that all columns name, else the default of their kind."""
    if given.layout.datatype:
        return _dtype(given.layout.datatype, f"{PATH}.layout.datatype", problems)
    named = {default_dtype(feature) for feature in given.features}
    return DATATYPES.get(named.pop() if len(named) == 1 else "FP64", DATATYPES["FP64"])


def _dtype(name: str, path: str, problems: Problems) -> Datatype:
    if name not in DATATYPES:
        problems.add(path, f"one of {', '.join(DATATYPES)} expected, got '{name}'")
    return DATATYPES.get(name, DATATYPES["FP64"])
