"""What counts as the same answer."""

import pytest
from turnout.inference.v1.output_pb2 import Output

from services.router.execution.agreeing import agrees


def label(name: str, chance: float = 0.5) -> Output:
    return Output(classification={"label": name, "probabilities": [{"label": name, "probability": chance}]})


def rows(*names: str) -> Output:
    return Output(classification={"label": names[0], "rows": [{"label": name} for name in names]})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (label("yes", 0.9), label("yes", 0.6), True),
        (label("yes"), label("no"), False),
        (rows("yes", "no"), rows("yes", "no"), True),
        (rows("yes", "no"), rows("yes", "yes"), False),
        (Output(regression={"values": [0.1 + 0.2]}), Output(regression={"values": [0.3]}), True),
        (Output(regression={"values": [1.0]}), Output(regression={"values": [1.0, 1.0]}), False),
        (Output(regression={"values": [1.0]}), Output(regression={"values": [1.1]}), False),
        (Output(text={"content": "a", "finish_reason": "stop"}), Output(text={"content": "a"}), True),
        (Output(text={"content": "a"}), Output(text={"content": "b"}), False),
        (
            Output(text={"tool_calls": [{"id": "1", "name": "f"}]}),
            Output(text={"tool_calls": [{"id": "2", "name": "f"}]}),
            True,
        ),
        (Output(text={"content": "1"}), Output(regression={"values": [1.0]}), False),
        (Output(embedding={"values": [1.0]}), Output(embedding={"values": [1.0]}), True),
        (Output(embedding={"values": [1.0]}), Output(embedding={"values": [2.0]}), False),
    ],
)
def test_answers_agree_where_they_say_the_same(one: Output, other: Output, same: bool) -> None:
    assert agrees(one, other) is same
    assert agrees(other, one) is same
