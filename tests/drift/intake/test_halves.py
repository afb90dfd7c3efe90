"""JSON can name half of a character, which no text can have: it costs its own row and no other."""

import json

import pytest
from turnout.router.v1.model_pb2 import Model

from services.state.connection import Connections
from tests.drift.intake.conftest import Send
from tests.drift.intake.test_uploads import labels, orders, upload

__all__ = ["orders"]


@pytest.mark.parametrize("lines", [False, True])
async def test_half_of_a_character_costs_its_row_alone(
    send: Send,
    model: Model,
    orders: list[str],
    connections: Connections,
    lines: bool,
) -> None:
    """Were the file refused for it, nobody could go on behind it. A whole one takes two halves."""
    first, second, third = orders[:3]
    rows = [
        {"prediction_id": first, "label": "\ud83d\ude00"},
        {"prediction_id": second, "label": "\ud83d"},
        {"prediction_id": "\ude00", "label": "leaves"},
        {"prediction_id": third, "label": "leaves", "\udfff": 1},
        {"prediction_id": third, "label": "le\\ud800ves"},
    ]
    text = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows, indent=1)
    reply = await send("UploadGroundTruth", upload(text.encode()))
    assert (reply.complete, dict(reply.counts)) == (True, {"ACCEPTED": 2, "REFUSED": 3})
    assert ["half of a character" in one.message for one in reply.errors] == [True] * 3
    assert await labels(connections, model) == {first: "😀", third: "le\\ud800ves"}
