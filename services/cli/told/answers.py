"""An answer of a model in a line, and whole."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from turnout.inference.v1.output_pb2 import Output

from services.cli.numbers import number, percent, plural
from services.cli.speech import plain

# Classes, numbers and tensors beyond these are for JSON.
MOST = 5


def line(output: Output, letters: int = 60) -> str:
    """The answer in at most so many letters.

    >>> line(Output(regression={"values": [1.25]}))
    '1.25'
    """
    told = " ".join(plain(whole(output)).split())
    return told if len(told) <= letters else told[: letters - 1] + "…"


def whole(output: Output) -> str:
    """The answer as a person reads it; empty where there is none."""
    kind = output.WhichOneof("kind")
    return KINDS[kind](getattr(output, kind)) if kind in KINDS else ""


def plainly(output: Output) -> str | float | None:
    """The answer as a cell of a table: a label, a number, a text, or JSON."""
    kind = output.WhichOneof("kind")
    if kind == "classification" and not output.classification.rows:
        return output.classification.label
    if kind == "regression" and len(output.regression.values) == 1:
        return float(output.regression.values[0])
    if kind == "text":
        return output.text.content
    if kind is None:
        return None
    return json.dumps(MessageToDict(getattr(output, kind), preserving_proto_field_name=True))


def _classification(given: Any) -> str:
    if given.rows:
        return _several([row.label for row in given.rows])
    likely = sorted(given.probabilities, key=lambda one: -one.probability)[:MOST]
    shares = ", ".join(f"{one.label} {percent(one.probability)}" for one in likely)
    return f"{given.label}  ({shares})" if shares else str(given.label)


def _several(values: list[str]) -> str:
    more = f" … of {plural(len(values), 'row')}" if len(values) > MOST else ""
    return ", ".join(values[:MOST]) + more


def _text(given: Any) -> str:
    calls = [f"{call.name}({call.arguments})" for call in given.tool_calls]
    return str(given.content or given.refusal or "; ".join(calls))


def _tensors(given: Any) -> str:
    return ", ".join(f"{one.name} {one.datatype}{list(one.shape)}" for one in given.tensors)


def _embedding(given: Any) -> str:
    count = len(given.values) // given.dimension if given.dimension else 0
    return f"{plural(count, 'vector')} of {given.dimension} numbers"


KINDS: Mapping[str, Callable[[Any], str]] = {
    "classification": _classification,
    "regression": lambda given: _several([number(value) for value in given.values]),
    "text": _text,
    "json": lambda given: json.dumps(MessageToDict(given), indent=2),
    "tensors": _tensors,
    "embedding": _embedding,
}
