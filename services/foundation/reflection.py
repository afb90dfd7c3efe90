"""Server reflection, v1alpha and v1: the library speaks only the former, and newer clients only the
latter."""

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool

# Imported for the pool: clients resolve the details of an error status by reflection.
from google.rpc import error_details_pb2  # noqa: F401
from grpc_reflection.v1alpha import reflection, reflection_pb2

V1ALPHA = reflection.SERVICE_NAME
V1 = "grpc.reflection.v1.ServerReflection"


def add_reflection(
    server: grpc.aio.Server, services: Iterable[str], pool: DescriptorPool | None = None
) -> None:
    """Serve the descriptors of `services` and of what they need."""
    # v1 stays out of the list: its descriptor is in no pool here, and a client that lists would fail on it.
    servicer = reflection.aio.ReflectionServicer((*services, V1ALPHA), pool)
    handler: Any = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in (V1, V1ALPHA):
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler}),)
        )
