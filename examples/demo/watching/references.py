"""Baselines of every origin, a file, columns, counts and traffic: several of a model, one of them active."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from turnout.drift.v1 import baseline_pb2, baseline_rpc_pb2
from turnout.drift.v1.segment_pb2 import Segment

from examples.demo.elsewhere import ANSWER, COLUMNS, GRADE, JUDGED, NEW, SCANNER, Stump
from examples.demo.watching.bureau import Bureau
from examples.demo.watching.moments import stamp

FILE, BESIDE, COUNTED, TRAFFIC = "training", "columns", "warehouse", "first-hour"
CELLS = 10


async def from_file(bureau: Bureau, model: str, stump: Stump) -> int:
    """The active one, and one for each scanner; its rows."""
    header = baseline_rpc_pb2.UploadBaselineHeader(
        model=model,
        baseline_id=FILE,
        features=[*COLUMNS, GRADE],
        prediction_column=ANSWER,
        segments=[SCANNER],
        description="training rows",
    )
    request = baseline_rpc_pb2.UploadBaselineRequest
    parts = [request(header=header), request(data=stump.training_file())]
    made = await bureau.send("UploadBaseline", parts)
    return int(made.rows)


async def beside(bureau: Bureau, model: str, stump: Stump) -> None:
    """The same rows as columns, counted beside the active one from now on; and a histogram of somebody's."""
    columns = baseline_pb2.Columns()
    for name, values in stump.columns.items():
        columns.numeric[name].values.extend(values)
    for name in (GRADE, ANSWER):
        columns.categorical[name].values.extend(stump.names[name])
    create = baseline_rpc_pb2.CreateBaselineRequest(model=model, baseline_id=BESIDE, activate=False)
    create.columns.CopyFrom(columns)
    create.prediction_column = ANSWER
    await bureau.ask("CreateBaseline", create)
    count = baseline_rpc_pb2.SetActiveBaselineRequest(
        model=model, baseline_id=BESIDE, activate=False, counted=True
    )
    await bureau.ask("SetActiveBaseline", count)
    counts, edges = np.histogram(stump.columns[JUDGED], CELLS)
    create = baseline_rpc_pb2.CreateBaselineRequest(model=model, baseline_id=COUNTED, activate=False)
    create.aggregates.rows = int(counts.sum())
    # Our cells are right-closed and numpy's left-closed, but for the last: a hair turns one into the other.
    edges[:-1] -= 1e-9
    create.aggregates.numeric[JUDGED].edges.extend(edges.tolist())
    create.aggregates.numeric[JUDGED].counts.extend(counts.tolist())
    await bureau.ask("CreateBaseline", create)


async def from_traffic(bureau: Bureau, model: str, start: float, end: float) -> int:
    """What was logged in a window (seconds since 1970) is a baseline as well; its rows."""
    create = baseline_rpc_pb2.CreateBaselineRequest(model=model, baseline_id=TRAFFIC, activate=False)
    create.window.start_time.CopyFrom(stamp(start))
    create.window.end_time.CopyFrom(stamp(end))
    made = await bureau.ask("CreateBaseline", create)
    return int(made.baseline.rows)


class Survey(NamedTuple):
    """How many baselines of which source there are; the ids of the active ones, of all traffic and of the new
    scanner; and how many are left once somebody's histogram is deleted."""

    sources: Mapping[str, int]
    active: str
    of_new: str
    left: int


async def surveyed(bureau: Bureau, model: str) -> Survey:
    """What baselines there are; the histogram goes."""
    found = await _listed(bureau, model)
    named = await bureau.ask("GetBaseline", baseline_rpc_pb2.GetBaselineRequest(name=found[0].name))
    sources = Counter(_source(one.source) for one in (named.baseline, *found[1:]))
    active = await _active(bureau, model, None)
    of_new = await _active(bureau, model, Segment(name=SCANNER, value=NEW))
    gone = baseline_rpc_pb2.DeleteBaselineRequest(name=f"{model}/baselines/{COUNTED}")
    await bureau.ask("DeleteBaseline", gone)
    return Survey(sources, active, of_new, len(await _listed(bureau, model)))


async def _listed(bureau: Bureau, model: str) -> list[Any]:
    reply = await bureau.ask("ListBaselines", baseline_rpc_pb2.ListBaselinesRequest(model=model))
    return list(reply.baselines)


async def _active(bureau: Bureau, model: str, segment: Segment | None) -> str:
    request = baseline_rpc_pb2.GetActiveBaselineRequest(model=model, segment=segment)
    reply = await bureau.ask("GetActiveBaseline", request)
    return str(reply.baseline.name.rsplit("/", 1)[-1])


def _source(number: baseline_pb2.BaselineSource) -> str:
    return baseline_pb2.BaselineSource.Name(number).removeprefix("BASELINE_SOURCE_").lower()
