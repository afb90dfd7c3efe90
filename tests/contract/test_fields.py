"""What every request of the contract says of its fields."""

import pytest
from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from tests.contract.test_pending import SERVICERS, described

METHODS = [method for servicer in SERVICERS for method in described(servicer.SERVICE).methods]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name.removeprefix("turnout."))
def test_every_field_of_a_request_says_how_it_behaves(method: MethodDescriptor) -> None:
    silent = [
        field.full_name
        for field in method.input_type.fields
        if not field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    ]
    assert silent == []


@pytest.mark.parametrize("servicer", SERVICERS, ids=lambda one: one.SERVICE.rpartition(".")[2])
def test_every_method_that_can_has_a_place_in_rest(servicer: type) -> None:
    service: ServiceDescriptor = described(servicer.SERVICE)  # type: ignore[attr-defined]
    for method in service.methods:
        # Transcoding has no form for a stream of requests but one: a file, which is the body as it is.
        placed = method.GetOptions().HasExtension(annotations_pb2.http)
        assert placed == (not method.client_streaming or _takes_a_file(method)), method.full_name


def _takes_a_file(method: MethodDescriptor) -> bool:
    body = method.input_type.fields_by_name.get(method.GetOptions().Extensions[annotations_pb2.http].body)
    kind = body.message_type if body is not None else None
    return kind is not None and kind.full_name == "google.api.HttpBody"
