"""Asking the aggregator: a jury's plan goes out, one answer and its participants come back."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import cast

from turnout.aggregator.v1.aggregator_service_pb2 import (
    InferRequest,
    InferResponse,
    InferStreamRequest,
    InferStreamResponse,
)
from turnout.inference.v1.manifest_pb2 import Participant

from services.foundation.call import Call
from services.foundation.client import Client
from services.foundation.errors import RemoteUnavailable
from services.foundation.fellow import Fellowship
from services.foundation.telemetry import Telemetry
from services.router.deciding.plan import Jury

SERVICE = "turnout.aggregator.v1.AggregatorService"
MESSAGE_BYTES = 4 * 1024 * 1024


class Panel:
    """A channel to the aggregator. The transport never repeats a plan: a jury asked twice costs twice."""

    def __init__(self, target: str, telemetry: Telemetry, fellowship: Fellowship) -> None:
        self._client = Client(
            target,
            unretried=[f"{SERVICE}/Infer", f"{SERVICE}/InferStream"],
            message_bytes=MESSAGE_BYTES,
            telemetry=telemetry,
            **fellowship,
        )
        self._infer = self._client.unary(SERVICE, "Infer")
        self._infer_stream = self._client.stream(SERVICE, "InferStream")

    async def ask(self, jury: Jury, request: InferRequest, timeout: float, call: Call) -> InferResponse:  # noqa: ASYNC109
        """Run the plan. Raises RemoteError if the aggregator refuses or cannot be reached in time."""
        request.plan.CopyFrom(jury.plan)
        reply: InferResponse = await self._infer(request, timeout=timeout, call=call)
        return reply

    async def hear(
        self,
        jury: Jury,
        request: InferRequest,
        timeout: float,  # noqa: ASYNC109
        call: Call,
        say: Callable[[str], None],
        ended: Callable[[Participant], None],
    ) -> InferResponse:
        """The same; what the final step says goes to `say` as it comes, and who has ended to `ended`.
        Cancelled, it stops every call."""
        request.plan.CopyFrom(jury.plan)
        asked = InferStreamRequest(request=request)
        told = cast(
            "AsyncGenerator[InferStreamResponse]",
            self._infer_stream(asked, timeout=timeout, call=call),
        )
        async with aclosing(told) as news:
            async for one in news:
                if one.HasField("response"):
                    return one.response
                if one.delta:
                    say(one.delta)
                elif one.HasField("participant"):
                    ended(one.participant)
        said = "the stream ended without an answer"
        raise RemoteUnavailable(said, code="UNAVAILABLE", reason="UNAVAILABLE")

    async def close(self) -> None:
        """Close the channel."""
        await self._client.close()
