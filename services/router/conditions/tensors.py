"""One row that comes as tensors, as conditions see it: read as a model's signature lays out its columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from turnout.inference.v1.input_pb2 import Tensor, TensorInput
from turnout.router.v1.model_pb2 import (
    FEATURE_KIND_NUMERIC,
    LAYOUT_KIND_PER_COLUMN,
    Model,
)
from turnout.router.v1.router_pb2 import Router

from services.models.datatypes import DATATYPES, Datatype
from services.models.datatypes import decode as decoded
from services.models.records import Record
from services.models.signature import DEFAULT_INPUT
from services.router.conditions.kinds import Form
from services.router.conditions.view import LONGEST_TEXT

LENGTH = 4


def forms_of(router: Router, models: Mapping[str, Model]) -> tuple[Form, ...]:
    """How the enabled variants' models lay columns out, in the variants' order, each form once. Models that
    declare no columns have none."""
    found = dict[Form, None]()
    for variant in router.variants:
        model = models.get(variant.model)
        if (
            model is None
            or not model.signature.features
            or (variant.HasField("enabled") and not variant.enabled)
        ):
            continue
        features, layout = model.signature.features, model.signature.layout
        per_column = layout.kind == LAYOUT_KIND_PER_COLUMN
        form = Form(
            tuple(one.name for one in features),
            tuple(one.kind == FEATURE_KIND_NUMERIC for one in features),
            "" if per_column else layout.input_name or DEFAULT_INPUT,
        )
        found[form] = None
    return tuple(found)


def record_of_tensors(given: TensorInput, forms: Sequence[Form]) -> Record | None:
    """The columns of one row, by the first form that it has; None for several rows, or where none fits."""
    raw = given.raw_contents
    if raw and len(raw) != len(given.tensors):
        return None
    contents = [raw[place] if raw else None for place in range(len(given.tensors))]
    sent = {tensor.name: (tensor, content) for tensor, content in zip(given.tensors, contents, strict=True)}
    for form in forms:
        cells = list(_stacked(sent, form) if form.stacked else _per_column(sent, form))
        if len(cells) == len(form.names):
            return _record(form, cells)
    return None


Sent = Mapping[str, tuple[Tensor, bytes | None]]


def _stacked(sent: Sent, form: Form) -> Iterator[Any]:
    found, numeric = sent.get(form.stacked), set(form.numeric)
    if found is not None and len(numeric) == 1:
        yield from _elements(*found, [1, len(form.names)], numeric=numeric.pop())


def _per_column(sent: Sent, form: Form) -> Iterator[Any]:
    for name, numeric in zip(form.names, form.numeric, strict=True):
        if (found := sent.get(name)) is None:
            return
        yield from _elements(*found, [1, 1], numeric=numeric)


def _elements(tensor: Tensor, raw: bytes | None, shape: list[int], *, numeric: bool) -> Sequence[Any]:
    """The elements of a tensor of this shape; none where it is another one, or of the other kind."""
    kind, own = DATATYPES.get(tensor.datatype), list(tensor.shape)
    # A column [1, 1] may also be written [1].
    if kind is None or kind.numeric != numeric or (own != shape and not (own == [1] and shape == [1, 1])):
        return ()
    found = (
        _raw(kind, raw, shape[1]) if raw is not None else getattr(tensor.contents, kind.contents or "_", ())
    )
    return found if len(found) == shape[1] else ()


def _raw(kind: Datatype, raw: bytes, count: int) -> Sequence[Any]:
    # Before it is decoded: a tensor may be as large as a message, and this runs beside other predictions.
    if len(raw) > count * (kind.size or LENGTH + LONGEST_TEXT):
        return ()
    try:
        return decoded(kind, raw)
    except ValueError:
        return ()


def _record(form: Form, cells: Sequence[Any]) -> Record:
    numeric: dict[str, float] = {}
    categorical: dict[str, str] = {}
    for name, is_number, cell in zip(form.names, form.numeric, cells, strict=True):
        if is_number:
            numeric[name] = float(cell)
        else:
            categorical[name] = cell.decode(errors="replace")
    return Record(numeric, categorical, ())
