"""The cookbook as far as it can be judged without grpcurl; `make cookbook` runs its lines."""

import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass

from services.gateway.contract import read
from tests.docs.cookbook import Line, lines

LINES = lines()
# What an engineer on call has to find there.
WANTED = {
    *("Predict", "StreamPredict", "PredictStream", "Explain", "ListPredictions", "WatchPredictions", "Check"),
    *(
        "Watch",
        "GetPrediction",
        "RecordFeedback",
        "GetMetrics",
        "ToggleVariant",
        "SetWeights",
        "RollbackRouter",
    ),
    *("ListAuditEvents", "ListReplicas", "ProbeModel", "WhoAmI", "CreateApiKey", "ListAlerts", "WatchAlerts"),
}


@pytest.mark.parametrize("line", LINES, ids=[str(line.number) for line in LINES])
def test_every_line_is_of_grpcurl_and_sends_what_its_method_reads(line: Line) -> None:
    assert "grpcurl " in line.command
    if not line.calls.startswith("turnout.") or line.request is None or "no known field" in line.shown:
        return
    service, _, method = line.calls.partition("/")
    found = read().pool.FindServiceByName(service).methods_by_name[method]
    json_format.ParseDict(line.request, GetMessageClass(found.input_type)())


def test_nothing_is_missing() -> None:
    assert {line.calls.partition("/")[2] for line in LINES} >= WANTED
    sent = [
        line.request["input"] for line in LINES if isinstance(line.request, dict) and "input" in line.request
    ]
    assert {kind for one in sent for kind in one} >= {"row", "tabular", "tensors", "text", "image", "chat"}
