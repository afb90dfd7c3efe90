"""Results in Redis: the analyses of each model, as many as are kept."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from turnout.drift.v1.result_pb2 import DriftResult, DriftStatus

from services.drift.comparisons import Comparison, compared
from services.drift.errors import ResultNotFound
from services.drift.wire_result import RESULT_FORMAT
from services.state import drift_keys, formats, ids
from services.state.connection import Connections
from services.state.ids import partition_for
from services.state.names import id_of
from services.state.scripts import Script

# Ids are made anew for each analysis: written twice is written once.
WRITE_RESULT = Script("write_result", repeatable=True)
DAY_SECONDS = 86_400
RETENTION_SECONDS = 90 * DAY_SECONDS
# An hour's analyses for six weeks; of a model of 25 features about 10 MB.
MOST_RESULTS = 1000
MOST_BYTES = 32 * 1024 * 1024
# A page stays below the 4 MiB that clients take: it ends with the result that passes this.
PAGE_BYTES = 2 * 1024 * 1024
# Results per look, so that what a page does not take is not read for nothing.
AT_ONCE = 10


class ResultPage(NamedTuple):
    """A page of results, newest first, and the id that it ended with; empty on the last."""

    results: list[DriftResult]
    last: str


class ResultStore:
    """Reads and writes results; raises StateUnavailable where Redis cannot be reached, and NewerFormat."""

    def __init__(self, connections: Connections) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady

    async def write(self, model_uid: str, result: DriftResult, now: float, baseline_uid: str = "") -> None:
        """Keep the result, which is of the baseline of that uid. The oldest ones go beyond 90 days,
        MOST_RESULTS or MOST_BYTES."""
        its = compared(result, baseline_uid)
        args = (
            id_of(result.name),
            f"{result.status} {its.about} {its.reference}",
            result.SerializeToString(),
            ids.first_id_at(now - RETENTION_SECONDS),
            MOST_RESULTS,
            MOST_BYTES,
            RETENTION_SECONDS,
        )
        await WRITE_RESULT(self._redis, _places(model_uid), args)

    async def looks(self, model_uid: str, now: float) -> int:
        """How many of the model's results are kept of the 24 hours before `now`."""
        _, index = _places(model_uid)
        return int(await self._redis.zlexcount(index, f"[{ids.first_id_at(now - DAY_SECONDS)}", "+"))

    async def forget(self, model_uid: str) -> None:
        """Remove every result of a model."""
        await self._redis.unlink(*_places(model_uid))

    async def latest(self, model: str, model_uid: str, comparison: Comparison) -> DriftResult:
        """The model's latest result of a comparison. Raises ResultNotFound."""
        page = await self.page(model_uid, 1, comparison=comparison)
        if not page.results:
            other = (await self.page(model_uid, 1)).results
            said = f"{model} has not been analysed; call Analyze first"
            if other:
                # Of another part or reference; what it says would be taken for what was asked.
                said = (
                    f"{model} has no result {comparison}, only others such as {other[0].name}; call Analyze"
                )
            raise ResultNotFound(said, model=model)
        return page.results[0]

    async def get(self, model: str, model_uid: str, result_id: str) -> DriftResult:
        """A result by its id. Raises ResultNotFound."""
        found = await self._read(model_uid, [result_id])
        if not found:
            name = f"{model}/results/{result_id}"
            raise ResultNotFound(f"there is no {name}, or not any more", result=name)
        return found[0]

    async def page(
        self,
        model_uid: str,
        size: int,
        after: str = "",
        status: DriftStatus | int = 0,
        comparison: Comparison | None = None,
    ) -> ResultPage:
        """Results older than `after`, newest first, of one status or of all, of one comparison or of all;
        fewer than `size` where they are large."""
        _, index = _places(model_uid)
        # All names at once: no more than MOST_RESULTS of 120 bytes.
        named = [member.decode().split(" ") for member in await self._redis.zrevrange(index, 0, -1)]
        wanted = [
            id_
            for id_, its, *of in named
            if (not after or id_ < after)
            and (not status or int(its) == status)
            and (comparison is None or comparison.fits(*of))
        ]
        results: list[DriftResult] = []
        taken = bytes_taken = 0
        while taken < min(size, len(wanted)) and bytes_taken < PAGE_BYTES:
            some = wanted[taken : min(taken + AT_ONCE, size)]
            for one in await self._read(model_uid, some):
                results.append(one)
                bytes_taken += one.ByteSize()
            taken += len(some)
        return ResultPage(results, wanted[taken - 1] if taken < len(wanted) else "")

    async def _read(self, model_uid: str, result_ids: Sequence[str]) -> list[DriftResult]:
        """Those that are there still."""
        bodies, _ = _places(model_uid)
        found = [DriftResult.FromString(body) for body in await self._redis.hmget(bodies, result_ids) if body]
        for one in found:
            formats.check("drift result", one.format, RESULT_FORMAT)
        return found


def _places(model_uid: str) -> list[str]:
    partition = partition_for(model_uid)
    return [drift_keys.drift_results(partition, model_uid), drift_keys.drift_result_ids(partition, model_uid)]
