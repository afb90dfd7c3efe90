"""Files of ground truth: of any size in bounded memory, row by row, and gone on with where they were cut."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
from google.protobuf.message import Message
from turnout.drift.v1 import truth_pb2 as rpc
from turnout.drift.v1.logging_pb2 import LogPredictionRequest, LogPredictionsRequest
from turnout.inference.v1.event_pb2 import TruthEntry
from turnout.router.v1.model_pb2 import Model

from services.drift.uploads import rows, stream
from services.drift.uploads.door import Uploads
from services.foundation.errors import InvalidArgument, RemoteError
from services.state.connection import Connections
from services.state.errors import StoreFull
from services.state.uploads import OtherStream, UploadStore
from tests.drift.intake.conftest import Consume, Send, streamed, truths_of
from tests.drift.intake.test_batches import told
from tests.drift.intake.test_logging import logged
from tests.waiting import eventually

COUNT = 400
Header = rpc.GroundTruthHeader


@pytest.fixture
async def orders(send: Send, model: Model, consume: Consume) -> list[str]:
    """COUNT predictions with the keys order-0 and on, whose labels were stays or leaves; their ids."""
    some = [logged(external_id=f"order-{place}", request_id="r") for place in range(COUNT)]
    for one in some:
        one.ClearField("score")
    await send("LogPredictions", [LogPredictionsRequest(predictions=some)])
    events = await consume(model.uid)
    by_key = {event.external_id: event.manifest.prediction_id for event in events}
    return [by_key[f"order-{place}"] for place in range(COUNT)]


def upload(*pieces: bytes | str, **header: Any) -> Iterator[rpc.UploadGroundTruthRequest]:
    """A stream with a header, if anything is said in it, and the pieces of a file."""
    if header:
        yield rpc.UploadGroundTruthRequest(header=Header(**header))
    for piece in pieces:
        if isinstance(piece, str):
            yield rpc.UploadGroundTruthRequest(text=piece)
        else:
            yield rpc.UploadGroundTruthRequest(data=piece)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def table(names: list[str], file: str = "csv") -> bytes:
    """Labels by prediction id, as a file of a format."""
    rows_ = [{"prediction_id": name, "label": "leaves"} for name in names]
    if file == "csv":
        return "".join(
            f"{one}\n" for one in ("prediction_id,label", *(f"{n},leaves" for n in names))
        ).encode()
    if file == "json":
        return json.dumps(rows_, indent=1).encode()
    return "".join(json.dumps(row) + "\n" for row in rows_).encode()


async def labels(connections: Connections, model: Model) -> dict[str, str]:
    entries: list[TruthEntry] = await told(connections, model)
    return {entry.prediction_id: entry.truth.label for entry in entries}


@pytest.mark.parametrize("size", [7, 1000, 10**6])
@pytest.mark.parametrize("file", ["csv", "json", "ndjson"])
async def test_bare_bytes_are_enough(
    send: Send, model: Model, orders: list[str], connections: Connections, file: str, size: int
) -> None:
    data = table(orders, file)
    reply = await send("UploadGroundTruth", upload(*cut(data, size)))
    assert (reply.complete, reply.rows, reply.offset) == (True, COUNT, len(data))
    assert dict(reply.counts) == {"ACCEPTED": COUNT}
    assert rpc.TableFormat.Name(reply.format) == f"TABLE_FORMAT_{file.upper()}"
    assert await labels(connections, model) == dict.fromkeys(orders, "leaves")
    again = await send("UploadGroundTruth", upload(*cut(data, size)))
    assert dict(again.counts) == {"DUPLICATE": COUNT}


async def test_rows_that_are_wrong_are_told_with_their_lines_and_cost_no_others(
    send: Send, orders: list[str]
) -> None:
    text = (
        "prediction_id;label;note\r\n"
        f"{orders[0]};leaves;fine\r\n"
        f'{orders[1]};"leaves";"two\r\nlines"\r\n'
        f"{orders[2]};leaves\r\n"
        "7;leaves;no id\r\n"
        "\r\n"
        f"{orders[3]};;no truth\r\n"
        f"{orders[4]};{'x' * 2000};too long\r\n"
        f"{orders[5]};leaves;fine\r\n"
    )
    reply = await send("UploadGroundTruth", upload(b"\xef\xbb\xbf" + text.encode()))
    assert dict(reply.counts) == {"ACCEPTED": 3, "REFUSED": 4}
    assert [(one.index, one.line, one.field) for one in reply.errors] == [
        (2, 5, "data"),
        (3, 6, "prediction_id"),
        (4, 8, "truth"),
        (5, 9, "truth.label"),
    ]
    assert "has 2 cells where the header has 3" in reply.errors[0].message


async def test_errors_are_capped_and_counted(send: Send, model: Model) -> None:
    reply = await send("UploadGroundTruth", upload(table(["7"] * 5000)))
    assert (len(reply.errors), reply.counts["REFUSED"], reply.rows) == (100, 5000, 5000)


async def test_columns_have_any_name(
    send: Send, model: Model, orders: list[str], connections: Connections
) -> None:
    text = "Bestellung|Ausgang|gesehen\norder-3|leaves|2026-01-31 08:30\norder-4|leaves|1769848200.5\n"
    named = {"external_id": "Bestellung", "truth": "Ausgang", "observed_at": "gesehen"}
    reply = await send("UploadGroundTruth", upload(text, column_map=named, model="churn", delimiter="|"))
    assert dict(reply.counts) == {"ACCEPTED": 2}
    one, two = await told(connections, model)
    assert (one.prediction_id, two.prediction_id) == (orders[3], orders[4])
    assert one.observed_at.ToJsonString() == "2026-01-31T08:30:00Z"
    assert two.observed_at.ToJsonString() == "2026-01-31T08:30:00.500Z"


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "windows-1252"])
async def test_files_of_another_encoding_say_so(
    send: Send, orders: list[str], connections: Connections, model: Model, encoding: str
) -> None:
    text = f"prediction_id,label\n{orders[0]},bleibt für später\n".encode(encoding.replace("windows-", "cp"))
    with pytest.raises(RemoteError, match="must be UTF-8"):
        await send("UploadGroundTruth", upload(text))
    reply = await send("UploadGroundTruth", upload(text, encoding=encoding))
    assert dict(reply.counts) == {"ACCEPTED": 1}
    assert await labels(connections, model) == {orders[0]: "bleibt für später"}


async def test_a_truth_is_of_the_kind_that_was_predicted(
    send: Send, model: Model, consume: Consume, connections: Connections
) -> None:
    sure = {"classification": {"label": "1", "probabilities": [
        {"label": "0", "probability": 0.25}, {"label": "1", "probability": 0.75}]}}  # fmt: skip
    some = [
        LogPredictionRequest(model="churn", score=2.5, external_id="a", request_id="1"),
        LogPredictionRequest(model="churn", output=sure, external_id="b", request_id="1"),
    ]
    await send("LogPredictions", [LogPredictionsRequest(predictions=some)])
    await consume(model.uid)
    # As pandas writes a column of whole numbers that has a gap.
    reply = await send("UploadGroundTruth", upload("external_id,target\na,3.0\nb,0.0\n", model="churn"))
    assert dict(reply.counts) == {"ACCEPTED": 2}
    one, two = [entry.truth for entry in await told(connections, model)]
    assert (one.number, two.label) == (3.0, "0")


async def test_a_dry_run_finds_what_is_wrong_and_changes_nothing(
    send: Send, orders: list[str], connections: Connections, model: Model
) -> None:
    reply = await send("UploadGroundTruth", upload(table([*orders, "7"]), dry_run=True))
    assert (reply.dry_run, dict(reply.counts)) == (True, {"ACCEPTED": COUNT, "REFUSED": 1})
    assert await told(connections, model) == []
    assert await connections.steady.keys("*:upload:*") == []


async def known(send: Send) -> rpc.UploadGroundTruthResponse:
    """How far the upload of March is, once it is some way."""
    try:
        reply = await send("UploadGroundTruth", upload(upload_id="march", status_only=True))
    except RemoteError as missing:
        raise AssertionError(missing) from None
    assert reply.offset > 8_000
    assert isinstance(reply, rpc.UploadGroundTruthResponse)
    return reply


@pytest.mark.parametrize("resume", ["from there", "from the start"])
@pytest.mark.parametrize("file", ["csv", "json", "ndjson"])
async def test_an_upload_that_was_cut_goes_on(
    send: Send,
    orders: list[str],
    connections: Connections,
    model: Model,
    file: str,
    resume: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "PIECE", 1000)
    data = table(orders, file)

    async def breaking() -> AsyncIterator[Message]:
        for request in upload(*cut(data[:10_000], 512), upload_id="march", kind=rpc.TRUTH_KIND_LABEL):
            yield request
        await eventually(partial(known, send))
        raise ConnectionResetError

    with pytest.raises(asyncio.CancelledError):
        await send("UploadGroundTruth", breaking())
    before = await known(send)
    assert not before.complete
    assert 8_000 < before.offset <= 10_000
    assert 0 < before.rows < COUNT
    begin = before.offset if resume == "from there" else 0
    rest = upload(*cut(data[begin:], 700), upload_id="march", offset=begin)
    reply = await send("UploadGroundTruth", rest)
    assert (reply.complete, reply.rows, reply.offset) == (True, COUNT, len(data))
    # What the sender had handed over before it was gone may have been read meanwhile.
    assert reply.counts.keys() <= {"ACCEPTED", "DUPLICATE"}
    assert sum(reply.counts.values()) == COUNT
    assert len(await told(connections, model)) == COUNT
    # And all of it once more: nothing is read again.
    again = await send("UploadGroundTruth", upload(data, upload_id="march"))
    assert again == reply


async def test_a_stream_that_was_given_up_does_not_set_back_the_one_that_goes_on(
    connections: Connections, orders: list[str], model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PIECE", 1000)
    uploads = Uploads(truths_of(connections), UploadStore(connections), time.time, random.Random(1))
    pieces = cut(table(orders), 1000)
    goes_on = asyncio.Event()

    async def slow() -> AsyncIterator[Any]:
        async for one in streamed(upload(*pieces[:3], upload_id="march")):
            yield one
        await goes_on.wait()
        async for one in streamed(upload(*pieces[3:5])):
            yield one

    async def begun() -> bool:
        kept = await uploads.store.read("ann", "march")
        return kept is not None and kept["offset"] > 2000

    given_up = asyncio.create_task(uploads.take(slow(), "ann", None))
    await eventually(begun)
    reply = await uploads.take(streamed(upload(*pieces, upload_id="march")), "ann", None)
    assert reply.complete
    goes_on.set()
    with pytest.raises(OtherStream, match="another stream goes on with upload march"):
        await given_up
    again = upload(upload_id="march", status_only=True)
    assert await uploads.take(streamed(again), "ann", None) == reply
    assert len(await told(connections, model)) == COUNT


@pytest.mark.parametrize("wrong", [{"offset": 10**6}, {"router": "till"}])
async def test_a_stream_that_is_refused_takes_nothing_over(
    connections: Connections, orders: list[str], monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    monkeypatch.setattr(stream, "PIECE", 1000)
    uploads = Uploads(truths_of(connections), UploadStore(connections), time.time, random.Random(1))
    pieces = cut(table(orders), 1000)

    async def disturbed() -> AsyncIterator[Any]:
        async for one in streamed(upload(*pieces[:3], upload_id="march")):
            yield one
        with pytest.raises(InvalidArgument):
            await uploads.take(streamed(upload(pieces[3], upload_id="march", **wrong)), "ann", None)
        async for one in streamed(upload(*pieces[3:])):
            yield one

    assert (await uploads.take(disturbed(), "ann", None)).rows == COUNT


async def test_what_is_not_what_it_was_is_no_continuation(send: Send, orders: list[str]) -> None:
    data = table(orders)
    await send("UploadGroundTruth", upload(data, upload_id="march", model="churn"))
    for pieces, header, why in (
        ([data.replace(b"leaves", b"stays!")], {}, "are not those that the upload began with"),
        ([data[:500]], {}, "the file ends at byte 500"),
        ([data, b"more"], {}, "a file that goes on needs another upload_id"),
        ([data], {"offset": 10**6}, "go on there, or send it all again from 0"),
        ([data], {"router": "till"}, "the upload began with other settings"),
        ([data], {"upload_id": "april", "offset": 5}, "is not known: send it from 0"),
        ([], {"upload_id": "april", "status_only": True}, "there is no upload april"),
    ):
        with pytest.raises(RemoteError, match=why):
            await send("UploadGroundTruth", upload(*pieces, **{"upload_id": "march", **header}))


async def test_a_file_that_breaks_says_where_and_keeps_what_came_before(
    send: Send, orders: list[str], connections: Connections, model: Model
) -> None:
    whole = json.dumps([{"prediction_id": name, "label": "leaves"} for name in orders[:3]], indent=0)
    with pytest.raises(RemoteError) as broken:
        await send("UploadGroundTruth", upload(whole[:-2] + ",\n oops"))
    assert broken.value.code == "INVALID_ARGUMENT"
    assert broken.value.message.startswith("data: line 14: is no JSON: a value expected, got 'oops'; 3 rows")
    assert broken.value.facts["rows"] == "3"
    assert broken.value.facts["offset"] == str(len(whole) - 2 + len(",\n "))
    assert len(await told(connections, model)) == 3


HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "an encoding nobody has": ({"encoding": "ebcdic"}, "header.encoding"),
    "a long delimiter": ({"delimiter": "--"}, "header.delimiter"),
    "a quote as delimiter": ({"delimiter": '"'}, "header.delimiter"),
    "a strange id": ({"upload_id": "no/where"}, "header.upload_id"),
    "an offset of nothing": ({"offset": 5}, "header.upload_id"),
    "an offset before the start": ({"offset": -5, "upload_id": "a"}, "header.offset"),
    "two owners": ({"router": "till", "model": "churn"}, "header.model"),
    "a strange format": ({"format": 9}, "header.format"),
    "a strange kind": ({"kind": 9}, "header.kind"),
    "a map of nothing": ({"column_map": {"colour": "c"}}, "header.column_map"),
    "a dry run that is kept": ({"dry_run": True, "upload_id": "a", "offset": 5}, "header.dry_run"),
    "a column that is not there": ({"column_map": {"truth": "nowhere"}}, "data"),
    "text of an encoding": ({"encoding": "latin-1"}, "text"),
}


@pytest.mark.parametrize(("header", "field"), HEADERS.values(), ids=HEADERS)
async def test_headers_are_checked(send: Send, model: Model, header: dict[str, Any], field: str) -> None:
    with pytest.raises(RemoteError) as refused:
        await send("UploadGroundTruth", upload("prediction_id,label\n7,x\n", **header))
    assert refused.value.fields[0].field == field


FILES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "is empty"),
    "no key": (
        b"name,label\nAnn,x\n",
        "one of prediction_id, external_id, entity_id is needed; the table has name",
    ),
    "no truth": (b"prediction_id,note\n7,x\n", "a column of truths is needed"),
    "a column twice": (b"label,label\n1,2\n", "the header has 'label' twice"),
    "a quote without end": (b'prediction_id,label\n7,"x\n', "line 2: a quote is opened"),
    "a line without end": (b'{"label": "' + b"x" * 1_200_000, "longer than 1,048,576 characters"),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "is compressed by gzip"),
    "bytes": (b"PK\x03\x04\xff\xfe\x00", "must be UTF-8"),
}


@pytest.mark.parametrize(("data", "why"), FILES.values(), ids=FILES)
async def test_what_is_no_table_is_refused(send: Send, model: Model, data: bytes, why: str) -> None:
    with pytest.raises(RemoteError, match=why) as refused:
        await send("UploadGroundTruth", upload(*cut(data, 100_000)))
    assert refused.value.fields[0].field == "data"


async def test_memory_is_a_piece_and_a_row_whatever_comes(
    send: Send, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0
    take = stream.Stream.take

    async def watched(self: stream.Stream, data: bytes) -> None:
        nonlocal most
        await take(self, data)
        most = max(most, len(self._waiting) + len(self._given) + len(self.progress.errors))

    monkeypatch.setattr(stream.Stream, "take", watched)
    data = table(["7"] * 2000)
    body = data.partition(b"\n")[2]
    reply = await send("UploadGroundTruth", upload(data, *([body * 5] * 4)))
    assert reply.rows == 2000 * 21
    assert most < stream.PIECE + 1000


async def test_a_second_header_is_refused(send: Send, model: Model) -> None:
    twice = [*upload(b"prediction_id,label\n", upload_id="a"), *upload(upload_id="b")]
    with pytest.raises(RemoteError, match="header: comes first, and once"):
        await send("UploadGroundTruth", twice)


async def test_a_full_truth_stream_stops_the_upload_where_it_goes_on(
    connections: Connections, orders: list[str], model: Model, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "FULL_SECONDS", 0.0)
    monkeypatch.setattr(rows, "MOST_FULL", 2)
    monkeypatch.setattr(stream, "PIECE", 1000)
    uploads = Uploads(truths_of(connections, most=100), UploadStore(connections), time.time, random.Random(1))
    with pytest.raises(StoreFull) as full:
        await uploads.take(streamed(upload(*cut(table(orders), 1000), upload_id="march")), "ann", None)
    at = int(full.value.facts["offset"])
    assert 0 < at < len(table(orders))
    assert full.value.retry_after == 5.0
    uploads = Uploads(truths_of(connections), UploadStore(connections), time.time, random.Random(1))
    rest = upload(table(orders)[at:], upload_id="march", offset=at)
    reply = await uploads.take(streamed(rest), "ann", None)
    assert reply.complete
    assert (await labels(connections, model)).keys() == set(orders)
