"""What ExportPredictions writes, `turnout replay` makes again: lines and tables, files and pipes."""

import json
from pathlib import Path
from typing import Any

import pytest
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.router.replay.reading import UnreadableError, read
from tests.router.conftest import BAYES, doctors
from tests.router.deciding.test_replaying_files import piped, replayed
from tests.router.logbook.conftest import Shelf

FORMATS = {"ndjson": rpc.EXPORT_FORMAT_NDJSON, "parquet": rpc.EXPORT_FORMAT_PARQUET}
COUNT = 12
ALL_WELL = f"{COUNT} decisions: {COUNT} reproduced, 0 differ, 0 reproduced in part"


async def deployed(shelf: Shelf) -> Router:
    """A router whose decisions depend on rules, entities and weights."""
    policies = [
        {"name": "large", "condition": "features['mean radius'] > 20.0", "strategy": {"least_loaded": {}}}
    ]
    given = doctors(policies=policies, stickiness={"enabled": True})
    given.variants[0].weight, given.variants[1].weight = 70, 30
    return await shelf.desk.deploy("sticky", given)


async def record(shelf: Shelf, router: Router) -> None:
    """Real decisions, with records as old as exports want them; some have several rows."""
    for number in range(COUNT):
        row = {**BAYES, "mean radius": 14.0 + 10 * (number % 2)}
        entity = f"e{number}" if number % 3 else ""
        reply = await shelf.desk.predict("sticky", row, entity_id=entity)
        event = shelf.event(60 + number, entity_id=entity, input_kind="row")
        name = event.manifest.prediction_id
        event.manifest.CopyFrom(reply.manifest)
        event.manifest.prediction_id, event.rows = name, 1 + number % 2
        event.features.numeric_features.update(row)
        event.router_uid = router.uid
        await shelf.write(event)


async def exported(shelf: Shelf, name: str) -> bytes:
    request = rpc.ExportPredictionsRequest(router="sticky", format=FORMATS[name])
    return b"".join([chunk.data async for chunk in shelf.stream("ExportPredictions", request)])


@pytest.mark.parametrize("name", FORMATS)
async def test_an_export_is_made_again(shelf: Shelf, redis_url: str, tmp_path: Path, name: str) -> None:
    shelf.at(await deployed(shelf))
    await record(shelf, shelf.router)
    file = tmp_path / "export"
    file.write_bytes(await exported(shelf, name))
    assert await replayed(file, redis_url) == (True, ALL_WELL)
    piped_in = await piped(file.read_bytes(), "--deep", "--redis", redis_url)
    assert piped_in == (0, f"{ALL_WELL}\n")


async def test_a_decision_that_comes_out_otherwise_is_found_in_an_export(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.at(await deployed(shelf))
    await record(shelf, shelf.router)
    lines = [json.loads(line) for line in (await exported(shelf, "ndjson")).splitlines()]
    lines[3]["propensity"] *= 0.5
    file = tmp_path / "export"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    same, said = await replayed(file)
    assert not same
    assert said.startswith("line 4: the propensity")


@pytest.mark.parametrize("spoil", [lambda row: row.pop("router"), lambda row: row.update(mode="MOOD")])
def test_a_row_that_is_none_is_named(tmp_path: Path, spoil: Any) -> None:
    row = {"prediction_id": "p", "row": 0, "router": "routers/a", "generation": 1, "candidates": []}
    spoil(row)
    file = tmp_path / "export"
    file.write_text(json.dumps(row) + "\n")
    with file.open("rb") as source, pytest.raises(UnreadableError, match="line 1"):
        list(read(source))


def test_a_table_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "export"
    file.write_bytes(b"PAR1 and no more")
    with file.open("rb") as source, pytest.raises(UnreadableError, match="no export"):
        list(read(source))
