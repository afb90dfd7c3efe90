"""ModelStreamInfer: many inferences on one stream, answered in the order in which they came."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from inference.open_inference_pb2 import (
    ModelInferRequest,
    ModelInferResponse,
    ModelStreamInferResponse,
)

from services.foundation.errors import TurnoutError
from services.foundation.sizes import too_large
from services.models.framing import delimited
from services.router.doors.replies import PREDICTION_ID, failure_of
from services.router.execution.exchange import Exchanges
from services.router.execution.items import AT_ONCE

_INFER_RESPONSE = ModelStreamInferResponse.INFER_RESPONSE_FIELD_NUMBER

Infer = Callable[[ModelInferRequest], Awaitable[bytes]]


class Stream:
    """One stream: inferences run side by side, and each reply waits for those before it.

    `bare`: replies are plain ModelInferResponses. There is no place in them for a failure, so the first one
    ends the stream. `most_bytes`: what a message may have; a reply of more is a failure of its inference.
    """

    def __init__(self, infer: Infer, most_bytes: int, *, bare: bool) -> None:
        self._infer = infer
        self._most_bytes = most_bytes
        self._bare = bare
        self._before: asyncio.Future[None] | None = None
        self._failure: TurnoutError | None = None

    async def run(
        self, requests: AsyncIterator[ModelInferRequest], exchanges: Exchanges
    ) -> AsyncGenerator[bytes, None]:
        """The replies. Raises ReplicaEnding when the process drains, and the first failure where replies are
        bare."""
        async with aclosing(exchanges.run(requests, self._answer, AT_ONCE)) as replies:
            async for reply in replies:
                if not reply and self._failure is not None:
                    raise self._failure
                yield reply

    async def _answer(self, request: ModelInferRequest) -> bytes:
        # Tasks start in the order of their questions, so each finds the one before it here.
        before, mine = self._before, asyncio.get_running_loop().create_future()
        self._before = mine
        try:
            reply = await self._reply(request)
            if before is not None:
                await before
            return reply
        finally:
            mine.set_result(None)

    async def _reply(self, request: ModelInferRequest) -> bytes:
        try:
            return self._within(await self._infer(request))
        except TurnoutError as error:
            if not self._bare:
                return failure_of(error, request.id, request.model_name)
            self._failure = self._failure or error
            return b""

    def _within(self, reply: bytes) -> bytes:
        message = reply if self._bare else delimited(_INFER_RESPONSE, reply)
        if len(message) > self._most_bytes:
            wrong = too_large("the reply", len(message), self._most_bytes)
            made = ModelInferResponse.FromString(reply).parameters[PREDICTION_ID].string_param
            wrong.message = f"{wrong.message} (prediction {made})"
            wrong.facts["prediction_id"] = made
            raise wrong
        return message
