"""Results in Redis: the latest analysis of each model."""

from typing import Any

from turnout.drift.v1.result_pb2 import DriftResult

from services.drift.errors import ResultNotFound
from services.drift.wire_result import RESULT_FORMAT
from services.state import formats, keys
from services.state.connection import Connections
from services.state.ids import partition_for

RETENTION_SECONDS = 90 * 86_400


class ResultStore:
    """Reads and writes results; raises StateUnavailable where Redis cannot be reached."""

    def __init__(self, connections: Connections) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady

    async def write(self, model_uid: str, result: DriftResult) -> None:
        """Keep the result as the model's latest."""
        place = keys.latest_result(partition_for(model_uid), model_uid)
        await self._redis.set(place, result.SerializeToString(), ex=RETENTION_SECONDS)

    async def forget(self, model_uid: str) -> None:
        """Remove the model's latest."""
        await self._redis.unlink(keys.latest_result(partition_for(model_uid), model_uid))

    async def latest(self, model: str, model_uid: str) -> DriftResult:
        """The model's latest result. Raises ResultNotFound."""
        body = await self._redis.get(keys.latest_result(partition_for(model_uid), model_uid))
        if body is None:
            raise ResultNotFound(f"{model} has not been analysed; call Analyze first", model=model)
        result = DriftResult.FromString(body)
        formats.check("drift result", result.format, RESULT_FORMAT)
        return result
