"""Server reflection, v1alpha and v1: the library speaks only the former, and newer clients only the
latter."""

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool

# Imported for the pool: clients resolve the details of an error status by reflection.
from google.rpc import error_details_pb2  # noqa: F401
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from services.foundation.access import Access
from services.foundation.call import HEADERS
from services.foundation.described import Described
from services.foundation.errors import TurnoutError
from services.foundation.guard import DIRECT, WAYS
from services.foundation.identity.authenticator import CERTIFICATE
from services.foundation.identity.errors import NoCredentials
from services.foundation.status import status_of, trailers_of

V1ALPHA = reflection.SERVICE_NAME
V1 = "grpc.reflection.v1.ServerReflection"


def add_reflection(
    server: grpc.aio.Server,
    services: Iterable[str],
    pool: DescriptorPool | None = None,
    access: Access | None = None,
) -> None:
    """Serve the descriptors of `services` and of what they need; with `access`, to those who say who they
    are."""
    # v1 stays out of the list: its descriptor is in no pool here, and a client that lists would fail on it.
    if pool is not None:
        # They are in the default pool only: the one is in the list, and clients ask for the other.
        for own in (reflection_pb2, health_pb2):
            pool.AddSerializedFile(own.DESCRIPTOR.serialized_pb)
    servicer = reflection.aio.ReflectionServicer((*services, V1ALPHA), Described(pool))
    handler: Any = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo if access is None else _told(servicer.ServerReflectionInfo, access),
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in (V1, V1ALPHA):
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler}),)
        )


def _told(reflect: Any, access: Access) -> Any:
    async def serve(requests: Any, context: Any) -> None:
        CERTIFICATE.set(context.auth_context())
        try:
            caller = await access.authenticator.identify(HEADERS.get(), context.peer())
            if not (caller.name or caller.admin):
                # What grpcurl and buf curl give to a call with -H they give to reflection too.
                raise NoCredentials(f"reflection wants to know who calls: give {WAYS}{DIRECT}", method=V1)
        except TurnoutError as error:
            status = status_of(error)
            await context.abort(grpc.StatusCode[error.code], status.message, trailers_of(error, status))
        async for reply in reflect(requests, context):
            await context.write(reply)

    return serve
