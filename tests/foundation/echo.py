"""A service of the tests' own, described at runtime: its contract needs no generated code."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.foundation.call import Call
from services.foundation.errors import NotFound

SERVICE = "turnout.test.v1.EchoService"
METHODS = {
    "Say": (False, False),
    "Raw": (False, False),
    "Hold": (False, False),
    "Fail": (False, False),
    "Absent": (False, False),
    "AbsentStream": (False, True),
    "Count": (False, True),
    "Join": (True, False),
    "Chat": (True, True),
}


def describe(pool: descriptor_pool.DescriptorPool) -> descriptor_pool.DescriptorPool:
    """Add turnout.test.v1 to a pool."""
    file = descriptor_pb2.FileDescriptorProto(name="turnout/test/v1/echo.proto", package="turnout.test.v1")
    file.syntax = "proto3"
    message = file.message_type.add(name="Words")
    text = descriptor_pb2.FieldDescriptorProto
    message.field.add(name="text", number=1, type=text.TYPE_STRING, label=text.LABEL_OPTIONAL)
    message.field.add(name="count", number=2, type=text.TYPE_INT32, label=text.LABEL_OPTIONAL)
    service = file.service.add(name="EchoService")
    for name, (takes_stream, gives_stream) in METHODS.items():
        service.method.add(
            name=name,
            input_type=".turnout.test.v1.Words",
            output_type=".turnout.test.v1.Words",
            client_streaming=takes_stream,
            server_streaming=gives_stream,
        )
    pool.AddSerializedFile(file.SerializeToString())
    return pool


POOL = describe(descriptor_pool.DescriptorPool())
Words: Any = GetMessageClass(POOL.FindMessageTypeByName("turnout.test.v1.Words"))


class UnknownWord(NotFound):
    """A failure with a reason of its own."""

    reason = "UNKNOWN_WORD"


class Echo:
    """Answers with what it got; fails as it is told to."""

    SERVICE = SERVICE
    RAW = frozenset({"Raw"})

    def __init__(self) -> None:
        self.failure: BaseException = UnknownWord("no word", word="x")
        self.calls: list[Call] = []
        self.details: list[Message] = []
        self.attempts = 0
        self.holding = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def Say(self, request: Any, call: Call) -> Any:
        self.calls.append(call)
        call.trailer("x-echo", request.text)
        return Words(text=request.text)

    async def Raw(self, request: bytes, _call: Call) -> bytes:
        return request

    async def Hold(self, request: Any, call: Call) -> Any:
        self.calls.append(call)
        self.holding.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return request

    async def Fail(self, _request: Any, call: Call) -> Any:
        self.calls.append(call)
        self.attempts += 1
        for detail in self.details:
            call.details(detail)
        raise self.failure

    async def Count(self, request: Any, call: Call) -> AsyncIterator[Any]:
        call.trailer("x-echo", "counted")
        try:
            for number in range(request.count):
                if request.text == "fail" and number == 1:
                    raise self.failure
                yield Words(count=number)
            if request.text == "hold":
                self.holding.set()
                await self.release.wait()
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise

    async def Join(self, requests: AsyncIterator[Any], _call: Call) -> Any:
        said = []
        async for request in requests:
            if request.text == "fail":
                raise self.failure
            said.append(request.text)
        return Words(text=" ".join(said))

    async def Chat(self, requests: AsyncIterator[Any], _call: Call) -> AsyncIterator[Any]:
        async for request in requests:
            if request.text == "fail":
                raise self.failure
            yield Words(text=request.text.upper())
