"""Files as bodies of REST requests: a drift service behind a real Envoy, asked by curl and by aiohttp."""

import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from turnout.router.v1.model_pb2 import Model

from services.drift.build import servicer_of
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.gateway.contract import read
from services.gateway.door import Door
from services.gateway.envoy import Envoy
from services.gateway.settings import GatewaySettings
from services.state.configs import ConfigStore
from services.state.connection import connect
from services.state.ids import new_prediction_id, partition_for
from services.state.kinds import MODELS
from tests.gateway.curl import Reply, curl
from tests.waiting import eventually

TRUTHS, BASELINES = "/v1/groundTruth:upload", "/v1/models/churn/baselines:upload"
RNG = random.Random(41)


class Opened(NamedTuple):
    """What a test speaks to."""

    url: str
    envoy: Envoy
    model: Model


@pytest.fixture(scope="module")
async def opened(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    """A drift service, a model, and a gateway that takes less of a body than every test sends."""
    async with connect(redis_url) as connections:
        await connections.steady.flushdb()
        store = ConfigStore(connections, MODELS, time.time, RNG)
        model = (await store.create(Model(name="models/churn"))).message
        server = Server([servicer_of(connections, time.time, random.Random(2))], Settings())
        await server.start()
        folder = tmp_path_factory.mktemp("gateway")
        async with _gateway(server.address, folder) as (url, envoy):
            yield Opened(url, envoy, model)
        await server.stop()
        await connections.steady.flushdb()


@asynccontextmanager
async def _gateway(at: str, folder: Path) -> AsyncIterator[tuple[str, Envoy]]:
    settings = GatewaySettings(
        port=0, directory=str(folder), request_bytes=1024, router=at, aggregator=at, feedback=at, drift=at
    )
    door = Door(settings, read(), died=lambda: None)
    beside = Server([], door.behind(), pool=door.pool, described=door.described)
    await beside.start()
    try:
        yield await door.open(beside.address), door.envoy
    finally:
        await door.end()
        await beside.stop()


async def by_curl(url: str, file: bytes) -> Reply:
    """As people type it: curl says application/x-www-form-urlencoded of it, which is not looked at."""
    return await curl(url, "--data-binary", "@-", given=file)


async def by_aiohttp(url: str, file: Any) -> Reply:
    """Bytes, or what makes them piece by piece."""
    async with aiohttp.ClientSession() as session, session.post(url, data=file) as reply:
        return Reply(reply.status, {}, await reply.read())


SENDERS = {"curl": by_curl, "aiohttp": by_aiohttp}
either = pytest.mark.parametrize("send", SENDERS.values(), ids=SENDERS)


def truths(model: Model, count: int) -> list[str]:
    """Rows of ground truth, of predictions that are still to be told of."""
    place = partition_for(model.uid)
    return [f"{new_prediction_id(place, time.time(), RNG)},leaves" for _ in range(count)]


@either
async def test_a_file_of_ground_truth_is_the_body_of_a_request(opened: Opened, send: Any) -> None:
    file = "\n".join(["prediction_id,churned", *truths(opened.model, 300)]).encode()
    told = f"header.upload_id={send.__name__}&header.entries=column_map.truth=churned"
    first = await send(f"{opened.url}{TRUTHS}?header.kind=TRUTH_KIND_LABEL&{told}", file)
    assert (first.code, first.json["complete"], first.json["rows"]) == (200, True, "300")
    assert first.json["counts"] == {"PENDING": "300"}
    assert first.json["format"] == "TABLE_FORMAT_CSV"
    again = await send(f"{opened.url}{TRUTHS}?header.upload_id={send.__name__}", file)
    assert again.json == first.json
    asked = await send(f"{opened.url}{TRUTHS}?header.upload_id={send.__name__}&header.status_only=true", b"")
    assert asked.json["offset"] == str(len(file))


@either
async def test_a_file_of_training_data_is_the_body_of_a_request(opened: Opened, send: Any) -> None:
    rows = [f"{RNG.gauss(40, 10):.1f},{RNG.choice(['eu', 'us'])},{RNG.choice('ab')}" for _ in range(2_000)]
    name = send.__name__.replace("_", "-")
    told = f"header.baseline_id={name}&header.features=age&header.features=plan&header.segments=region"
    named = "header.entries=column_map.Plan=plan&header.entries=importance.age=2"
    made = await send(
        f"{opened.url}{BASELINES}?{told}&{named}", "\n".join(["age,region,Plan", *rows]).encode()
    )
    assert made.code == 200, made.body
    assert (made.json["rows"], made.json["baseline"]["name"]) == ("2000", f"models/churn/baselines/{name}")
    assert {one["name"] for one in made.json["baseline"]["features"]} == {"age", "plan"}
    segments = {one["segment"]["value"] for one in made.json["segment_baselines"]}
    assert segments == {"eu", "us"}


@either
@pytest.mark.parametrize(
    ("path", "file", "code", "said"),
    [
        (TRUTHS, b"prediction_id,mood\n", 400, "a column of truths is needed"),
        (f"{TRUTHS}?header.entries=kind.a=b", b"", 400, "header.entries[0]: map.key=value"),
        (f"{TRUTHS}?header.offset=5&header.upload_id=none", b"x", 400, "send it from 0"),
        (f"{TRUTHS}?header.upload_id=none&header.status_only=true", b"", 404, "there is no upload none"),
        (f"{BASELINES}?header.entries=importance.age=much", b"age\n1\n", 400, "a number after ="),
        (f"{BASELINES}?header.file_bytes=99", b"age\n1\n", 400, "the file was cut"),
        (BASELINES.replace("churn", "ghost"), b"age\n1\n", 404, "models/ghost"),
        (f"{BASELINES}?header.colour=red", b"age\n1\n", 400, "colour"),
    ],
)
async def test_what_is_wrong_with_a_file_is_told_as_of_any_request(
    opened: Opened, send: Any, path: str, file: bytes, code: int, said: str
) -> None:
    reply = await send(f"{opened.url}{path}", file)
    assert (reply.code, said in reply.json["message"]) == (code, True), reply.body


async def test_a_large_file_is_nowhere_whole_and_goes_on_where_it_was_cut(opened: Opened) -> None:
    """32 MB from a sender that is faster than the service: he is made to wait, and Envoy keeps a part."""
    rows, where = truths(opened.model, 320), f"{opened.url}{TRUTHS}?header.upload_id=large"

    async def done() -> int:
        reply = await by_aiohttp(f"{where}&header.status_only=true", b"")
        assert int(reply.json.get("offset", 0)) > 1_000_000
        return int(reply.json["offset"])

    async def file(begin: int = 0, cut: int = 10**9) -> AsyncIterator[bytes]:
        at = 0
        for line in ("prediction_id,label,pad", *(f"{row},{'x' * 100_000}" for row in rows)):
            data = f"{line}\n".encode()
            if at >= cut:
                # What is still on its way is lost with its sender.
                await eventually(done, within=20)
                raise ConnectionResetError("the sender is gone")
            yield data[max(0, begin - at) :]
            at += len(data)

    with pytest.raises(aiohttp.ClientError):
        await by_aiohttp(where, file(cut=16_000_000))
    offset = await done()
    last = await by_aiohttp(f"{where}&header.offset={offset}", file(begin=offset))
    assert last.code == 200, last.body
    # What the sender had handed over before he left may still have been read meanwhile.
    assert sum(map(int, last.json["counts"].values())) == int(last.json["rows"]) == 320
    assert last.json["counts"].keys() <= {"PENDING", "DUPLICATE"}
    waited = await opened.envoy.ask("/stats?filter=^cluster.drift.upstream_flow_control_backed_up_total")
    assert int(waited.split(": ")[1]) > 0
