"""Predictions that share an RPC: each is answered as if it had come alone, and has a status of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from google.rpc.status_pb2 import Status
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.inference_service_pb2 import PredictRequest, PredictResponse

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.foundation.items import ItemCall
from services.foundation.metrics import Metrics
from services.foundation.sizes import TooLarge
from services.foundation.status import clip
from services.models.framing import delimited, text

# (request, call) -> a serialized PredictResponse.
Predict = Callable[[PredictRequest, Call], Awaitable[bytes]]

MOST_ITEMS = 1000
# Predictions of one RPC that are in flight together.
AT_ONCE = 64
# Of a batch's time, for putting the reply together; a slow model must cost its own item and not the batch.
RESERVE = 0.05
LONGEST_TAG = 256
# Bytes that every item of a batch has for its status, however large the answers of others are.
STATUS_ROOM = 300

_BATCH = "turnout.router.v1.InferenceService/BatchPredict"
_STREAM = "turnout.router.v1.InferenceService/PredictStream"
_ITEMS = rpc.BatchPredictResponse.ITEMS_FIELD_NUMBER
_ITEM_STATUS = rpc.BatchPredictItem.STATUS_FIELD_NUMBER
_ITEM_RESPONSE = rpc.BatchPredictItem.RESPONSE_FIELD_NUMBER
_TAG = rpc.PredictStreamResponse.TAG_FIELD_NUMBER
_STATUS = rpc.PredictStreamResponse.STATUS_FIELD_NUMBER
_RESPONSE = rpc.PredictStreamResponse.RESPONSE_FIELD_NUMBER


class InvalidBatch(InvalidArgument):
    """A batch of none, or of too many."""


class Said(NamedTuple):
    """A serialized google.rpc.Status, empty if it is OK, and a PredictResponse if it is."""

    status: bytes
    response: bytes = b""


class Items:
    """`most_bytes`: what a message of ours may have."""

    def __init__(self, predict: Predict, metrics: Metrics, most_bytes: int) -> None:
        self._predict = predict
        self._metrics = metrics
        self._most_bytes = most_bytes

    async def batch(self, requests: Sequence[PredictRequest], call: Call) -> bytes:
        """The serialized BatchPredictResponse: one item per request, in their order. Raises InvalidBatch."""
        if not 1 <= len(requests) <= MOST_ITEMS:
            said = f"1 to {MOST_ITEMS} requests, got {len(requests)}"
            raise InvalidBatch(f"requests: {said}", fields=[("requests", said)])
        reserve = RESERVE * call.remaining()
        items = [b""] * len(requests)
        room = Room(self._most_bytes, len(requests))
        places = iter(range(len(requests)))

        async def work() -> None:
            for place in places:
                item = ItemCall(call, _BATCH, self._metrics, reserve)
                said = await self._answer(requests[place], item)
                # Now, and not when all are there: a thousand large answers are never held at once.
                items[place] = room.fit(said) or room.squeeze(self._too_large(said, item))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(requests))):
                group.create_task(work())
        return b"".join(items)

    async def one(self, asked: rpc.PredictStreamRequest, call: Call) -> bytes:
        """The serialized PredictStreamResponse to one question of a stream."""
        item = ItemCall(call, _STREAM, self._metrics)
        tag = asked.tag[:LONGEST_TAG]
        if not 1 <= len(asked.tag) <= LONGEST_TAG:
            told = f"1 to {LONGEST_TAG} characters, got {len(asked.tag)}"
            wrong = InvalidArgument(f"tag: {told}", fields=[("tag", told)])
            said = Said(item.status(wrong).SerializeToString())
        else:
            said = await self._answer(asked.request, item)
        if len(said.response) > self._most_bytes - len(said.status) - 4 * LONGEST_TAG - 64:
            said = self._too_large(said, item)
        reply = text(_TAG, tag) + delimited(_STATUS, said.status)
        return reply + delimited(_RESPONSE, said.response) if said.response else reply

    async def _answer(self, request: PredictRequest, item: ItemCall) -> Said:
        try:
            return Said(b"", await self._predict(request, item))
        except Exception as failure:  # noqa: BLE001 - whatever one item meets with, it must not cost the others
            return Said(item.status(failure).SerializeToString())

    def _too_large(self, said: Said, item: ItemCall) -> Said:
        """The status of an answer that does not fit, which names the prediction: it is recorded."""
        if not said.response:
            return said
        size, limit = len(said.response), self._most_bytes
        made = PredictResponse.FromString(said.response).prediction_id
        told = f"the answer, of {size} bytes, finds no room in a message of {limit} (prediction {made})"
        wrong = TooLarge(told, bytes=size, limit=limit, prediction_id=made)
        return Said(item.status(wrong).SerializeToString())


class Room:
    """What a batch's reply still has room for. Each of `count` items has enough for a short status."""

    def __init__(self, most_bytes: int, count: int) -> None:
        self._left = most_bytes - STATUS_ROOM * count

    def fit(self, said: Said) -> bytes:
        """The serialized item, in its place in the message; empty if it finds no room."""
        item = delimited(_ITEM_STATUS, said.status)
        if said.response:
            item += delimited(_ITEM_RESPONSE, said.response)
        framed = delimited(_ITEMS, item)
        beyond = max(0, len(framed) - STATUS_ROOM)
        if beyond > self._left:
            return b""
        self._left -= beyond
        return framed

    def squeeze(self, failed: Said) -> bytes:
        """The item of a failure; where its details find no room, its code and its message."""
        whole = Status.FromString(failed.status)
        short = Status(code=whole.code, message=clip(whole.message, STATUS_ROOM - 32))
        return self.fit(failed) or self.fit(Said(short.SerializeToString()))
