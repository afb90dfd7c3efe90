"""What a router's variants serve, as `turnout routers get` shows it."""

import io

import pytest
from google.protobuf.json_format import ParseDict
from rich.console import Console
from turnout.router.v1.router_pb2 import Router

from services.cli.routers.describing import view

WEIGHTS = {"variants": [{"id": "a", "weight": 3, "enabled": True}, {"id": "b", "weight": 0, "enabled": True}]}
EVEN = {"variants": [{"id": "a", "enabled": True}, {"id": "b", "enabled": True}]}
COPIED = {"mirror": {"variants": ["b"]}}


@pytest.mark.parametrize(
    ("spec", "shares"),
    [
        ({"weighted": {}, **WEIGHTS}, ["100 %", "0 %"]),
        ({"weighted": {}, **WEIGHTS, **COPIED}, ["100 %", "copies"]),
        ({"weighted": {}, **EVEN, **COPIED}, ["50 %", "50 % + copies"]),
        ({"bandit": {}, **EVEN}, ["", ""]),
        ({"bandit": {}, **EVEN, **COPIED}, ["", "copies"]),
        ({"shadow": {"primary": "a"}, **EVEN}, ["", "copies"]),
    ],
)
def test_who_serves_what_and_who_sees_copies(spec: dict[str, object], shares: list[str]) -> None:
    shown = io.StringIO()
    Console(file=shown, width=120).print(view(ParseDict(spec, Router(name="routers/r"))))
    # Without a model and a role, what follows the weight.
    told = [line.split(maxsplit=2) for line in shown.getvalue().splitlines()[-2:]]
    assert [[*row, ""][2].strip() for row in told] == shares
