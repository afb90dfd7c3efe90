"""What the story asks of the suite: a model, a baseline, predictions from outside, labels, and verdicts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from turnout.drift.v1 import baseline_rpc_pb2, drift_service_pb2, performance_pb2, truth_pb2
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest
from turnout.drift.v1.logging_pb2 import LogPredictionRequest, LogPredictionsRequest
from turnout.drift.v1.performance_pb2 import GetPerformanceHistoryRequest, GetPerformanceHistoryResponse
from turnout.drift.v1.result_pb2 import DriftResult
from turnout.router.v1 import model_pb2, model_service_pb2

from examples.census.data import CATEGORICAL, NUMERIC, Year, as_parquet
from services.foundation.client import Client
from services.foundation.errors import RemoteError

MODEL, DAY = "models/employment", 86_400
DRIFT = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"].full_name
PIECE, BATCH, SECONDS, IDLE = 1 << 16, 250, 600.0, 120.0


class Agency:
    """Calls the suite at `where`, addresses by service."""

    def __init__(self, where: Mapping[str, str]) -> None:
        self._router, self._drift = Client(where["router"]), Client(where["drift"])

    async def close(self) -> None:
        """Close the channels."""
        await asyncio.gather(self._router.close(), self._drift.close())

    async def register(self) -> None:
        """Make the model known. It is served elsewhere: nobody will call it here."""
        model = model_pb2.Model(
            name=MODEL,
            protocol=model_pb2.PROTOCOL_OIP_GRPC,
            endpoints=[model_pb2.Endpoint(address="127.0.0.1:9")],
        )
        model.timeout.FromSeconds(1)
        request = model_service_pb2.RegisterModelRequest(model=model)
        await self._router.unary("turnout.router.v1.ModelService", "RegisterModel")(request, timeout=SECONDS)

    async def upload_baseline(self, table: Any) -> baseline_rpc_pb2.UploadBaselineResponse:
        """A Parquet file, one baseline for all and one for each kind of quarters."""
        kinds = dict.fromkeys(CATEGORICAL, model_pb2.FEATURE_KIND_CATEGORICAL)
        header = baseline_rpc_pb2.UploadBaselineHeader(
            model=MODEL,
            baseline_id="y2015",
            kinds={**kinds, NUMERIC: model_pb2.FEATURE_KIND_NUMERIC},
            prediction_column="prediction",
            score_column="score",
            segments=["quarters"],
            activate=True,
        )

        async def parts() -> AsyncIterator[baseline_rpc_pb2.UploadBaselineRequest]:
            yield baseline_rpc_pb2.UploadBaselineRequest(header=header)
            data = as_parquet(table)
            for at in range(0, len(data), PIECE):
                yield baseline_rpc_pb2.UploadBaselineRequest(data=data[at : at + PIECE])

        reply: baseline_rpc_pb2.UploadBaselineResponse
        reply = await self._drift.upload(DRIFT, "UploadBaseline")(parts(), timeout=SECONDS)
        return reply

    async def log(self, year: Year, first_day: float, days: int) -> int:
        """The year's predictions in the file's order, spread over so many days; how many."""

        async def parts() -> AsyncIterator[LogPredictionsRequest]:
            rows = year.table.to_pylist()
            step = days * DAY / len(rows)
            for at in range(0, len(rows), BATCH):
                some = [
                    _logged(row, first_day + (at + place) * step)
                    for place, row in enumerate(rows[at : at + BATCH])
                ]
                yield LogPredictionsRequest(model=MODEL, predictions=some)

        reply = await self._drift.upload(DRIFT, "LogPredictions")(parts(), timeout=SECONDS)
        return int(reply.logged)

    async def upload_truth(self, year: Year) -> Mapping[str, int]:
        """The year's labels as a CSV file, by the ids that the census gave; how many ended how."""
        ids, done = year.table["id"].to_pylist(), 0
        rows = (f"{own},{label}\n" for own, label in zip(ids, year.labels, strict=True))
        data = ("external_id,label\n" + "".join(rows)).encode()
        clock = asyncio.get_running_loop().time
        came = clock()
        while True:
            try:
                return await self._upload(data, f"y{year.year}", done)
            except RemoteError as full:
                # Where labels come faster than they are counted it says how far it is, and when to go on.
                reached = int(full.facts.get("offset", done))
                if full.retry_after is None or (reached == done and clock() - came > IDLE):
                    raise
                if reached > done:
                    done, came = reached, clock()
                await asyncio.sleep(full.retry_after)

    async def _upload(self, data: bytes, upload: str, done: int) -> Mapping[str, int]:
        header = truth_pb2.GroundTruthHeader(model=MODEL, upload_id=upload, offset=done)

        async def parts() -> AsyncIterator[truth_pb2.UploadGroundTruthRequest]:
            yield truth_pb2.UploadGroundTruthRequest(header=header)
            for at in range(done, len(data), PIECE):
                yield truth_pb2.UploadGroundTruthRequest(data=data[at : at + PIECE])

        reply = await self._drift.upload(DRIFT, "UploadGroundTruth")(parts(), timeout=SECONDS)
        return dict(reply.counts)

    async def analyze(self, start: float, end: float, quarters: str = "") -> DriftResult:
        """The window against 2015, of everybody or of one kind of quarters."""
        request = AnalyzeRequest(model=MODEL)
        request.start_time.FromSeconds(int(start))
        request.end_time.FromSeconds(int(end))
        if quarters:
            request.segment.name, request.segment.value = "quarters", quarters
        reply = await self._drift.unary(DRIFT, "Analyze")(request, timeout=SECONDS)
        result: DriftResult = reply.result
        return result

    async def history(self, start: float, end: float) -> GetPerformanceHistoryResponse:
        """Day by day."""
        request = GetPerformanceHistoryRequest(
            model=MODEL, step=performance_pb2.PERFORMANCE_STEP_DAILY, page_size=100
        )
        request.start_time.FromSeconds(int(start))
        request.end_time.FromSeconds(int(end))
        reply: GetPerformanceHistoryResponse
        reply = await self._drift.unary(DRIFT, "GetPerformanceHistory")(request, timeout=SECONDS)
        return reply

    async def until_counted(self, start: float, end: float, rows: int) -> None:
        """Until every prediction is in the profiles. Raises TimeoutError."""

        async def counted() -> int:
            return (await self.analyze(start, end)).rows

        await _until(counted, rows)

    async def until_labelled(self, start: float, end: float, labels: int) -> GetPerformanceHistoryResponse:
        """The history once it has every label. Raises TimeoutError."""

        async def labelled() -> int:
            return sum(one.labelled for one in (await self.history(start, end)).points)

        await _until(labelled, labels)
        return await self.history(start, end)


async def _until(count: Callable[[], Awaitable[int]], wanted: int) -> None:
    """Until it counts so many. Raises TimeoutError when none has come for a while: how long all take is up to
    the machine."""
    had, clock = -1, asyncio.get_running_loop().time
    async with asyncio.timeout(IDLE) as patience:
        while (found := await count()) < wanted:
            if found > had:
                had = found
                patience.reschedule(clock() + IDLE)
            await asyncio.sleep(2)


def _logged(row: Mapping[str, Any], time: float) -> LogPredictionRequest:
    logged = LogPredictionRequest(external_id=str(row["id"]), label=row["prediction"], score=row["score"])
    logged.event_time.FromMicroseconds(int(time * 1e6))
    logged.time.CopyFrom(logged.event_time)
    tabular = logged.input.tabular
    tabular.numeric_features[NUMERIC] = row[NUMERIC]
    tabular.categorical_features.update({name: row[name] for name in CATEGORICAL})
    logged.segments["quarters"] = row["quarters"]
    return logged
