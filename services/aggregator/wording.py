"""Questions and answers as words, for models that look at what others were asked and said."""

import json
import math

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Value
from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.output_pb2 import Output

# What a person would not read, a judge does not need: images and tensors are named, not shown.
UNSPOKEN = "(an input without words: {kind})"


def question_of(given: Input) -> str:
    """What is asked: a text, the one message of a chat or all of them with who said them, a record as
    JSON."""
    match given.WhichOneof("kind"):
        case "text":
            return given.text
        case "chat":
            messages = given.chat.messages
            if len(messages) == 1:
                return messages[0].content
            return "\n\n".join(f"{message.role}: {message.content}" for message in messages)
        case "row" | "tabular":
            return json.dumps(columns_of(given), ensure_ascii=False)
        case kind:
            return UNSPOKEN.format(kind=kind)


def columns_of(given: Input) -> dict[str, object]:
    """The columns of a row or tabular input; none of another."""
    if given.HasField("row"):
        return {name: _plain(value) for name, value in given.row.fields.items()}
    tabular = given.tabular
    numbers = {name: _finite(number) for name, number in tabular.numeric_features.items()}
    return {**numbers, **tabular.categorical_features} if given.HasField("tabular") else {}


def _plain(value: Value) -> object:
    return _finite(value.number_value) if value.HasField("number_value") else MessageToDict(value)


def _finite(number: float) -> float | None:
    """A column may be NaN where its signature says nullable; JSON has no word for it but null."""
    return number if math.isfinite(number) else None


def answer_of(output: Output) -> str:
    """What was answered: a text, else JSON of it."""
    match output.WhichOneof("kind"):
        case "text" if not output.text.tool_calls:
            return output.text.content
        case "text":
            calls = [{"name": call.name, "arguments": call.arguments} for call in output.text.tool_calls]
            return json.dumps(calls, ensure_ascii=False)
        case "classification":
            rows = [row.label for row in output.classification.rows] or [output.classification.label]
            return rows[0] if len(rows) == 1 else json.dumps(rows, ensure_ascii=False)
        case "regression":
            values = list(output.regression.values)
            return json.dumps(values[0] if len(values) == 1 else values)
        case "json":
            return json.dumps(MessageToDict(output.json), ensure_ascii=False)
        case kind:
            return UNSPOKEN.format(kind=kind)
