"""A service of the tests' own with every shape of REST: it says what reached it. Described at runtime."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument, ResourceExhausted, Unavailable
from services.gateway.contract import Contract, read

SERVICE = "turnout.test.v1.DeskService"
NOTE, HEADER, SCROLL, PAGE = (f"turnout.test.v1.{name}" for name in ("Note", "Header", "Scroll", "Page"))
_F = FieldDescriptorProto

# Name, request, reply, does the request stream, does the reply, and the REST of it.
METHODS: list[tuple[str, str, str, bool, bool, dict[str, str]]] = [
    ("Read", NOTE, PAGE, False, False, {"get": "/v1/{name=desks/*}", "response_body": "note"}),
    ("Write", NOTE, NOTE, False, False, {"post": "/v1/{name=desks/*}:write", "body": "*"}),
    ("Fail", NOTE, NOTE, False, False, {"post": "/v1/desks:fail", "body": "*"}),
    ("Tell", NOTE, NOTE, False, True, {"post": "/v1/desks:tell", "body": "*"}),
    ("Hold", NOTE, NOTE, False, False, {"post": "/v1/desks:hold", "body": "*"}),
    ("Send", SCROLL, NOTE, True, False, {"post": "/v1/{header.name=desks/*}:send", "body": "file"}),
]


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="turnout/test/v1/desk.proto", package="turnout.test.v1", syntax="proto3")
    file.dependency.extend(["google/api/annotations.proto", "google/api/httpbody.proto"])
    _message(file, "Note", name=_F.TYPE_STRING, text=_F.TYPE_STRING, count=_F.TYPE_INT32, who=_F.TYPE_STRING)
    _message(file, "Header", name=_F.TYPE_STRING, kind=_F.TYPE_STRING)
    _message(file, "Page", note=f".{NOTE}", warnings=_F.TYPE_STRING)
    scroll = _message(file, "Scroll", header=f".{HEADER}", data=_F.TYPE_BYTES, file=".google.api.HttpBody")
    # As uploads are written for gRPC: a header, then data. A raw body must stand beside them, not among them.
    scroll.oneof_decl.add(name="part")
    for field in scroll.field[:2]:
        field.oneof_index = 0
    service = file.service.add(name="DeskService")
    for name, takes, gives, takes_many, gives_many, rest in METHODS:
        method = service.method.add(
            name=name,
            input_type=f".{takes}",
            output_type=f".{gives}",
            client_streaming=takes_many,
            server_streaming=gives_many,
        )
        for key, value in rest.items():
            setattr(method.options.Extensions[annotations_pb2.http], key, value)
    return file


def _message(file: FileDescriptorProto, name: str, /, **fields: Any) -> Any:
    made = file.message_type.add(name=name)
    for number, (field, kind) in enumerate(fields.items(), 1):
        added = made.field.add(name=field, number=number, label=_F.LABEL_OPTIONAL)
        if isinstance(kind, str):
            added.type, added.type_name = _F.TYPE_MESSAGE, kind
        else:
            added.type = kind
    return made


def contract() -> Contract:
    """The desk's contract, with what it needs of Google's."""
    known = [file for file in read().files.file if file.name.startswith("google/")]
    return Contract(FileDescriptorSet(file=[*known, _file()]), {"turnout.test.v1": "router"})


CONTRACT = contract()
Note, Page = (GetMessageClass(CONTRACT.pool.FindMessageTypeByName(name)) for name in (NOTE, PAGE))


class Desk:
    """One replica, known by its name."""

    SERVICE = SERVICE

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls: list[Call] = []
        self.failures = 0
        self.holding = asyncio.Event()
        self.release = asyncio.Event()

    async def Read(self, request: Any, call: Call) -> Any:
        self.calls.append(call)
        note = Note(name=request.name, text=request.text, count=request.count, who=self.name)
        return Page(note=note, warnings="not a part of the body")

    async def Write(self, request: Any, call: Call) -> Any:
        self.calls.append(call)
        return Note(name=request.name, text=request.text, who=self.name)

    async def Fail(self, request: Any, _call: Call) -> Any:
        self.failures += 1
        if request.text == "full":
            raise ResourceExhausted("no room", retry_after=2.0)
        if request.text == "away":
            raise Unavailable("its model is away")
        raise InvalidArgument("text: something else", fields=[("text", "something else expected")])

    async def Tell(self, request: Any, _call: Call) -> AsyncIterator[Any]:
        for number in range(request.count):
            yield Note(text=f"{number}\n", count=number)
        if request.text == "hold":
            self.holding.set()
            await self.release.wait()

    async def Hold(self, request: Any, _call: Call) -> Any:
        self.holding.set()
        await self.release.wait()
        return request

    async def Send(self, requests: AsyncIterator[Any], _call: Call) -> Any:
        """How much came, in how many messages, under which header."""
        header, size, kinds, parts = None, 0, set[str](), 0
        async for part in requests:
            header = part.header if part.HasField("header") else header
            size += len(part.file.data) + len(part.data)
            kinds.add(part.file.content_type)
            parts += 1
        assert header is not None
        return Note(name=header.name, text=f"{header.kind} {sorted(kinds)[-1]} {parts > 1}", count=size)
