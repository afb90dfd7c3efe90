"""Predictions that share an RPC: each is answered as if it had come alone, and has a status of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.foundation.items import ItemCall
from services.foundation.metrics import Metrics
from services.foundation.sizes import TooLarge
from services.models.framing import delimited, text

# (request, call) -> a serialized PredictResponse.
Predict = Callable[[PredictRequest, Call], Awaitable[bytes]]

MOST_ITEMS = 1000
# Predictions of one RPC that are in flight together.
AT_ONCE = 64
# Of a batch's time, for putting the reply together; a slow model must cost its own item and not the batch.
RESERVE = 0.05
LONGEST_TAG = 256
# What the status of an answer that finds no room takes, in bytes.
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
        answers = [Said(b"")] * len(requests)
        places = iter(range(len(requests)))

        async def work() -> None:
            for place in places:
                item = ItemCall(call, _BATCH, self._metrics, reserve)
                answers[place] = await self._answer(requests[place], item)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(requests))):
                group.create_task(work())
        return self._put_together(answers, call)

    async def one(self, asked: rpc.PredictStreamRequest, call: Call) -> bytes:
        """The serialized PredictStreamResponse to one question of a stream."""
        item = ItemCall(call, _STREAM, self._metrics)
        tag = asked.tag[:LONGEST_TAG]
        if len(asked.tag) > LONGEST_TAG:
            told = f"at most {LONGEST_TAG} characters, got {len(asked.tag)}"
            wrong = InvalidArgument(f"tag: {told}", fields=[("tag", told)])
            said = Said(item.status(wrong).SerializeToString())
        else:
            said = await self._answer(asked.request, item)
        if len(said.response) > self._most_bytes - len(said.status) - 4 * LONGEST_TAG - 64:
            said = self._too_large(len(said.response), item)
        reply = text(_TAG, tag) + delimited(_STATUS, said.status)
        return reply + delimited(_RESPONSE, said.response) if said.response else reply

    async def _answer(self, request: PredictRequest, item: ItemCall) -> Said:
        try:
            return Said(b"", await self._predict(request, item))
        except Exception as failure:  # noqa: BLE001 - whatever one item meets with, it must not cost the others
            return Said(item.status(failure).SerializeToString())

    def _put_together(self, answers: Sequence[Said], call: Call) -> bytes:
        """The items, with as many answers as the message has room for: the places of others say so."""
        room = self._most_bytes - STATUS_ROOM * len(answers)
        parts = []
        for said in answers:
            told, beyond = said, len(said.status) + len(said.response) + 16 - STATUS_ROOM
            if said.response and beyond > room:
                told = self._too_large(len(said.response), ItemCall(call, _BATCH, self._metrics))
            else:
                room -= max(0, beyond)
            item = delimited(_ITEM_STATUS, told.status)
            if told.response:
                item += delimited(_ITEM_RESPONSE, told.response)
            parts.append(delimited(_ITEMS, item))
        return b"".join(parts)

    def _too_large(self, size: int, item: ItemCall) -> Said:
        said = f"the answer, of {size} bytes, finds no room in a message of {self._most_bytes}"
        return Said(item.status(TooLarge(said, bytes=size, limit=self._most_bytes)).SerializeToString())
