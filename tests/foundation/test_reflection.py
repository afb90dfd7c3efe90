"""Reflection as a client uses it, in both versions of the protocol."""

from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.server import Server
from services.foundation.settings import Settings
from tests.foundation.echo import METHODS, SERVICE, Echo


async def ask(address: str, version: str, **question: Any) -> reflection_pb2.ServerReflectionResponse:
    """One question over ServerReflectionInfo; v1 and v1alpha have the same messages under two names."""
    async with grpc.aio.insecure_channel(address) as channel:
        stream: Any = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
        )
        request = reflection_pb2.ServerReflectionRequest(**question).SerializeToString()
        replies = stream(iter([request]), timeout=5)
        reply = reflection_pb2.ServerReflectionResponse.FromString(await replies.read())
        replies.cancel()
        return reply


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_lists_the_services(version: str, server: Server) -> None:
    reply = await ask(server.address, version, list_services="")
    names = {service.name for service in reply.list_services_response.service}
    assert names == {SERVICE, "grpc.reflection.v1alpha.ServerReflection"}


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_describes_a_service(version: str, server: Server) -> None:
    reply = await ask(server.address, version, file_containing_symbol=SERVICE)
    files = [
        FileDescriptorProto.FromString(raw) for raw in reply.file_descriptor_response.file_descriptor_proto
    ]
    assert files[0].service[0].name == "EchoService"


async def test_describes_a_method_and_knows_no_other(server: Server) -> None:
    """`grpcurl describe package.Service.Method`."""
    for method, known in ((next(iter(METHODS)), True), ("Shout", False)):
        reply = await ask(server.address, "v1", file_containing_symbol=f"{SERVICE}.{method}")
        assert reply.HasField("file_descriptor_response") is known
        assert reply.HasField("error_response") is not known


async def test_error_details_resolve(start: Any) -> None:
    """Clients look the details of a status up by reflection; a server on the default pool knows them."""
    server = Server([], Settings())
    await server.start()
    reply = await ask(server.address, "v1alpha", file_containing_symbol="google.rpc.BadRequest")
    assert reply.file_descriptor_response.file_descriptor_proto
    await server.stop()


def test_the_echo_is_not_in_the_default_pool() -> None:
    """The tests of reflection would prove nothing if every server saw everything."""
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindServiceByName(Echo.SERVICE)


async def test_the_contract_is_told_with_its_comments_and_the_names_of_json() -> None:
    """grpcurl describe shows the former, and reads and writes the latter."""
    server = Server([], Settings())
    await server.start()
    reply = await ask(server.address, "v1", file_containing_symbol=PredictRequest.DESCRIPTOR.full_name)
    await server.stop()
    files = map(FileDescriptorProto.FromString, reply.file_descriptor_response.file_descriptor_proto)
    (file,) = (one for one in files if one.name == PredictRequest.DESCRIPTOR.file.name)
    (message,) = (one for one in file.message_type if one.name == "PredictRequest")
    assert {field.name: field.json_name for field in message.field}["entity_id"] == "entityId"
    said = [place.leading_comments.strip() for place in file.source_code_info.location]
    assert "A question to a router." in said
