"""The contract as data: every service with its methods, where REST finds them, and what comments say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import turnout
from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from services.gateway import PACKAGES


@dataclass(frozen=True)
class Operation:
    """A method as REST sees it. `path` is the annotation's template; `body` is empty (no body), `*` or a
    field; `response_body` is the field of the reply that is the body, or empty for all of it."""

    service: str
    method: str
    verb: str
    path: str
    body: str
    response_body: str
    request: str
    response: str
    client_streaming: bool
    server_streaming: bool

    @property
    def full_name(self) -> str:
        """As comments are found by."""
        return f"{self.service}.{self.method}"

    @property
    def rpc(self) -> str:
        """The path of the RPC."""
        return f"/{self.service}/{self.method}"


class Contract:
    """What the protos say. `packages` says which cluster serves a package's services."""

    def __init__(self, files: FileDescriptorSet, packages: Mapping[str, str] = PACKAGES) -> None:
        self.files = files
        self._packages = packages

    @cached_property
    def clusters(self) -> dict[str, str]:
        """The cluster of each service that has a way in, by its full name."""
        return {
            f"{file.package}.{service.name}": self._packages[file.package]
            for file in self.files.file
            if file.package in self._packages
            for service in file.service
        }

    @cached_property
    def operations(self) -> list[Operation]:
        """Every method that REST can call."""
        return [
            operation
            for file in self.files.file
            if file.package in self._packages
            for service in file.service
            for method in service.method
            for operation in _operations(f"{file.package}.{service.name}", method)
        ]

    @cached_property
    def methods(self) -> dict[str, list[str]]:
        """The methods of each service that has a way in, with REST or without."""
        return {
            f"{file.package}.{service.name}": [method.name for method in service.method]
            for file in self.files.file
            if file.package in self._packages
            for service in file.service
        }

    @cached_property
    def pool(self) -> DescriptorPool:
        """The descriptors of everything, apart from those that are imported."""
        pool = DescriptorPool()
        for file in self.files.file:
            pool.Add(file)
        return pool

    @cached_property
    def comments(self) -> dict[str, str]:
        """What a service, method, message, field, enum or value is, by its full name."""
        return {name: said for file in self.files.file for name, said in _comments(file)}


def read() -> Contract:
    """The contract that this version was built with. Raises OSError where the build left none."""
    path = Path(next(iter(turnout.__path__))) / "contract.binpb"
    return Contract(FileDescriptorSet.FromString(path.read_bytes()))


def _operations(service: str, method: MethodDescriptorProto) -> Iterator[Operation]:
    rule = method.options.Extensions[annotations_pb2.http]
    for each in (rule, *rule.additional_bindings):
        verb = each.WhichOneof("pattern")
        if verb is None:
            continue
        yield Operation(
            service,
            method.name,
            verb.upper(),
            getattr(each, verb),
            each.body,
            each.response_body,
            method.input_type.lstrip("."),
            method.output_type.lstrip("."),
            method.client_streaming,
            method.server_streaming,
        )


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for place in file.source_code_info.location:
        if place.leading_comments and (name := _name(file, list(place.path))):
            yield name, " ".join(place.leading_comments.split())


def _name(file: FileDescriptorProto, path: list[int]) -> str:
    """What stands at a path of field numbers and indices; empty for what is not named, such as an option."""
    here, names = file, [file.package]
    while path:
        field = here.DESCRIPTOR.fields_by_number.get(path[0])
        if field is None or len(path) == 1 or field.message_type is None or not field.is_repeated:
            return ""
        here = getattr(here, field.name)[path[1]]
        if not hasattr(here, "name"):
            return ""
        names.append(here.name)
        path = path[2:]
    return ".".join(names)
