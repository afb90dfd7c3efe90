"""Whether a shadow's answer is the one that was served."""

import math

from turnout.inference.v1.output_pb2 import Output

# Two builds of one model differ in the last digits of a number, and agree.
TOLERANCE = 1e-9


def agrees(one: Output, other: Output) -> bool:
    """The same labels, whatever the probabilities; the same numbers, texts and tool calls; else the same in
    every field.

    >>> agrees(Output(regression={"values": [0.1 + 0.2]}), Output(regression={"values": [0.3]}))
    True
    """
    kind = one.WhichOneof("kind")
    if kind != other.WhichOneof("kind"):
        return False
    if kind == "classification":
        return _labels(one) == _labels(other)
    if kind == "regression":
        left, right = one.regression.values, other.regression.values
        return len(left) == len(right) and all(
            math.isclose(mine, theirs, rel_tol=TOLERANCE) for mine, theirs in zip(left, right, strict=True)
        )
    if kind == "text":
        calls = [[(call.name, call.arguments) for call in text.tool_calls] for text in (one.text, other.text)]
        return one.text.content == other.text.content and calls[0] == calls[1]
    return one == other


def _labels(output: Output) -> list[str]:
    classes = output.classification
    return [row.label for row in classes.rows] or [classes.label]
