"""REST to gRPC: what Envoy's transcoder is told."""

import base64

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from services.gateway.contract import Contract
from services.gateway.names import Config, typed
from services.gateway.settings import GatewaySettings

# How the messages of a stream are told apart: a line each, or an event each.
LINES, EVENTS = "stream_newline_delimited", "stream_sse_style_delimited"


def transcoder(contract: Contract, settings: GatewaySettings, stream: str = LINES) -> Config:
    """JSON in and out, field names as the protos spell them."""
    return typed(
        "filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor_bin=base64.b64encode(descriptors(contract)).decode(),
        services=sorted({operation.service for operation in contract.operations}),
        convert_grpc_status=True,
        case_insensitive_enum_parsing=True,
        query_param_unescape_plus=True,
        print_options={"preserve_proto_field_names": True, stream: True},
        # Without these, what cannot be transcoded would travel on as it is.
        request_validation_options={
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
        max_request_body_size=settings.request_bytes,
        max_response_body_size=settings.response_bytes,
    )


def descriptors(contract: Contract) -> bytes:
    """The contract without comments, and without the `response_body` of annotations: Envoy refuses to start
    with one that is not a raw body, so the field is taken out of the reply afterwards."""
    bare = FileDescriptorSet()
    for file in contract.files.file:
        copy = bare.file.add()
        copy.CopyFrom(file)
        copy.ClearField("source_code_info")
        for service in copy.service:
            for method in service.method:
                if method.options.HasExtension(annotations_pb2.http):
                    rule = method.options.Extensions[annotations_pb2.http]
                    for each in (rule, *rule.additional_bindings):
                        each.response_body = ""
    return bare.SerializeToString(deterministic=True)
