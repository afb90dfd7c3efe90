"""Files and headers that no baseline can be made of: each is refused with where and why, nothing is made."""

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.drift.v1.baseline_pb2 import Columns, NumericColumn
from turnout.router.v1.model_pb2 import FEATURE_KIND_NUMERIC, Model

from services.drift.uploading import gathering, refusals, session
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.drift.conftest import Ask
from tests.drift.making.conftest import SERVICE, Upload

GOOD = "amount,plan\n" + "".join(f"{row},{'gold' if row % 3 else 'basic'}\n" for row in range(200))


def with_rows(*rows: str) -> bytes:
    return (GOOD + "".join(row + "\n" for row in rows)).encode()


def parquet_of(**columns: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


WRONG: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "empty": (b"", {}, "the file is empty"),
    "a header alone": (b"a,b\n", {}, "the file has no rows"),
    "a header alone as NDJSON": (
        b"\n\n",
        {"format": rpc.BASELINE_FILE_FORMAT_NDJSON},
        "the file has no rows",
    ),
    "a type change": (
        with_rows(*["abc,gold"] * 30),
        {"kinds": {"amount": FEATURE_KIND_NUMERIC}},
        r"30 of 230 rows cannot be read.*line 202, column 'amount': 'abc' is no number",
    ),
    "rows too short": (with_rows(*["1"] * 9), {}, "line 202: has 1 cells where the header has 2"),
    "an open quote": (with_rows('1,"gold'), {}, "line 202: a quote is opened"),
    "the wrong encoding": ("größe\n1\n".encode("latin-1") * 20, {}, "line 1: must be UTF-8"),
    "another encoding": (b"a\n1\n" * 40, {"encoding": "utf-16"}, "the file is not utf-16"),
    "gzip": (gzip.compress(GOOD.encode()), {}, "is compressed by gzip: decompress it first"),
    "a spreadsheet": (b"PK\x03\x04" + bytes(100), {}, "save it as CSV"),
    "cut JSON": (json.dumps([{"a": 1}] * 50).encode()[:-5], {}, "is cut off"),
    "no JSON": (b'{"a": 1}\n' * 10 + b"what\n", {}, r"1 of 11 rows.*line 11: is no JSON"),
    "half of a character": (
        b'{"plan": "gold"}\n' * 10 + b'{"plan": "\\ud800"}\n',
        {},
        r"1 of 11 rows.*line 11: has half of a character, .ud800",
    ),
    "lists in JSON": (b'{"a": [1]}\n' * 10, {}, "no column of the file can be profiled .*lists or objects"),
    "cut Parquet": (parquet_of(a=[1.0] * 500)[:-20], {}, "is no sound Parquet"),
    "Parquet in the middle": (b"PAR1" + bytes(200), {}, "is no sound Parquet"),
    "Parquet without use": (
        parquet_of(a=pa.array([0, 1], pa.timestamp("s"))),
        {},
        r"its type is timestamp\[ms\]: numbers, texts",
    ),
    "columns of one name": (b"a,a\n1,2\n", {}, "line 1: the header has 'a' twice"),
    "too many columns": (
        (",".join(f"c{n}" for n in range(10_000)) + "\n" + ",".join(["1"] * 10_000) + "\n").encode(),
        {},
        "10000 columns to profile, and at most 512 are",
    ),
    "cut short": (
        GOOD.encode(),
        {"file_bytes": 10_000_000},
        "the file was cut: .* of its 10,000,000 b",
    ),
    "longer than announced": (
        GOOD.encode(),
        {"file_bytes": 10},
        f"header.file_bytes says that the file has 10 bytes, and {len(GOOD.encode()):,} came",
    ),
    "no such feature": (GOOD.encode(), {"features": ["amount", "age"]}, "'age' is no column of the file"),
    "no such segment": (GOOD.encode(), {"segments": ["region"]}, "'region' is no column of the file"),
    "no such weight": (GOOD.encode(), {"weight_column": "w"}, "'w' is no column of the file"),
    "no weight": (with_rows(*["1.5,gold"] * 9), {"weight_column": "amount"}, "'1.5' is no whole number"),
    "weights of nothing": (b"a,w\n" + b"1,0\n" * 9, {"weight_column": "w"}, "no value that counts"),
    "a demanded column of nothing": (
        b"a,b\n" + b"1,\n" * 9,
        {"features": ["a", "b"]},
        "'b' cannot be profiled",
    ),
    "mapped twice": (GOOD.encode(), {"column_map": {"amount": "plan"}}, "would both be 'plan'"),
    "ids as a segment": (GOOD.encode(), {"segments": ["amount"]}, "have more than 20 values, such as '0'"),
    "a model that has other features": (
        GOOD.encode(),
        {"model": "typed", "column_map": {"amount": "x"}},
        "name them in",
    ),
    "a feature that the model lacks": (
        GOOD.encode(),
        {"model": "typed", "features": ["plan"]},
        "is no feature",
    ),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_no_baseline_is_refused(
    upload: Upload, ask: Ask, model: Model, typed: Model, name: str
) -> None:
    data, header, words = WRONG[name]
    with pytest.raises(RemoteError, match=words) as refused:
        await upload(data, 100, **header)
    assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", "BASELINE_FILE")
    listed = await ask("ListBaselines", rpc.ListBaselinesRequest(model=header.get("model", "churn")))
    assert list(listed.baselines) == []


HEADERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "importance": ({"importance": {"amount": -1.0}}, "header.importance['amount']", "from 0 up"),
    "importance of nothing": ({"importance": {"x": 1.0}}, "header.importance", "'x' is no column"),
    "share": ({"max_refused_share": 1.5}, "header.max_refused_share", "0 to 1"),
    "delimiter": ({"delimiter": "::"}, "header.delimiter", "one character"),
    "encoding": ({"encoding": "zlib"}, "header.encoding", "is no encoding of texts"),
    "unknown encoding": ({"encoding": "utf-42"}, "header.encoding", "is no encoding of texts"),
    "format": ({"format": 9}, "header.format", "not known"),
    "kind": ({"kinds": {"amount": 0}}, "header.kinds", "not known"),
    "bytes": ({"file_bytes": -1}, "header.file_bytes", "negative"),
    "one column twice": (
        {"prediction_column": "a", "score_column": "a"},
        "header.prediction_column",
        "3 columns",
    ),
    "segments": ({"segments": ["plan", "plan"]}, "header.segments", "each once"),
    "features": ({"features": ["a", "a"]}, "header.features", "each once"),
    "id": ({"baseline_id": "July!"}, "header.baseline_id", "lower-case"),
    "a long id": ({"baseline_id": "a" * 60, "segments": ["plan"]}, "header.baseline_id", "at most 59"),
    "model": ({"model": "Churn"}, "header.model", "lower-case"),
}


@pytest.mark.parametrize("name", HEADERS)
async def test_a_header_that_is_wrong_names_its_field(upload: Upload, model: Model, name: str) -> None:
    header, field, words = HEADERS[name]
    with pytest.raises(RemoteError, match=words) as refused:
        await upload(GOOD.encode(), **header)
    assert refused.value.code == "INVALID_ARGUMENT"
    assert field in [one.field for one in refused.value.fields]


async def test_a_model_that_is_not_there(upload: Upload, model: Model) -> None:
    with pytest.raises(RemoteError) as refused:
        await upload(GOOD.encode(), model="nobody")
    assert refused.value.reason == "MODEL_NOT_FOUND"


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [rpc.UploadBaselineRequest(data=b"a\n1\n")],
        [rpc.UploadBaselineRequest(header=rpc.UploadBaselineHeader(model="churn"))] * 2,
    ],
    ids=["nothing", "no header", "two headers"],
)
async def test_the_header_comes_first_and_once(
    client: Client, model: Model, parts: list[rpc.UploadBaselineRequest]
) -> None:
    with pytest.raises(RemoteError, match=r"header .*first message of the stream"):
        await client.upload(SERVICE, "UploadBaseline")(iter(parts), timeout=20)


async def test_a_stream_that_is_cut_creates_nothing(client: Client, ask: Ask, model: Model) -> None:
    """Whoever sends dies when half of it is under way."""
    sent = asyncio.Event()

    async def half() -> AsyncIterator[rpc.UploadBaselineRequest]:
        yield rpc.UploadBaselineRequest(header=rpc.UploadBaselineHeader(model="churn"))
        yield rpc.UploadBaselineRequest(data=GOOD.encode())
        sent.set()
        await asyncio.Event().wait()

    call = asyncio.ensure_future(client.upload(SERVICE, "UploadBaseline")(half(), timeout=20))
    await sent.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    listed = await ask("ListBaselines", rpc.ListBaselinesRequest(model="churn"))
    assert list(listed.baselines) == []


async def test_some_rows_may_be_wrong_and_are_told(upload: Upload, model: Model) -> None:
    reply = await upload(with_rows("abc,gold", "7"))
    assert (reply.rows, reply.refused) == (200, 2)
    assert [(one.line, one.column) for one in reply.errors] == [(202, "amount"), (203, "")]
    assert "2 of the file's 202 rows were left out" in reply.baseline.warnings[0]
    with pytest.raises(RemoteError, match=r"2 of 202 rows cannot be read, and 0.00% may"):
        await upload(with_rows("abc,gold", "7"), max_refused_share=0.0)


async def test_a_file_of_another_kind_is_refused_before_its_end(
    upload: Upload, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "EARLY_ROWS", 10)
    with pytest.raises(RemoteError) as refused:
        await upload(with_rows(*["1,2,3"] * 100_000), 1_000)
    assert int(refused.value.facts["rows"]) < 10_000


async def test_a_file_that_is_too_large_is_refused(
    upload: Upload, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MOST_BYTES", 500)
    with pytest.raises(RemoteError, match="larger than 500 bytes"):
        await upload(GOOD.encode(), 100)


async def test_too_many_columns_of_segments_are_refused(
    upload: Upload, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MOST_COLUMNS", 2)
    with pytest.raises(RemoteError, match="1 columns for each of 2 segments or more: at most 2"):
        await upload(GOOD.encode(), segments=["plan"])


async def test_a_wild_value_nan_and_constants_are_counted_as_such(upload: Upload, model: Model) -> None:
    rows = ["1e300,7,x", "nan,7,x", "inf,7,x", "-inf,7,x", ",7,x", *(f"{row / 7},7,x" for row in range(500))]
    reply = await upload(("a,constant,one\n" + "\n".join(rows)).encode())
    found = {one.name: one for one in reply.baseline.features}
    a = found["a"]
    assert (a.missing, a.nan, a.positive_infinity, a.negative_infinity) == (1, 1, 1, 1)
    assert (sum(a.counts), a.max) == (501, 1e300)
    assert [said.split("'")[1] for said in reply.baseline.warnings] == ["constant", "one"]


async def test_of_very_many_categories_the_frequent_ones_are_kept(
    upload: Upload, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MOST_NAMES", 1_000)
    rows = [f"often{row % 3}" if row % 2 else f"id{row}" for row in range(20_000)]
    reply = await upload(("name\n" + "\n".join(rows)).encode())
    (feature,) = reply.baseline.features
    counts = dict(zip(feature.categories, feature.counts, strict=True))
    assert len(counts) <= 1_000
    assert all(3_300 <= counts[f"often{n}"] + 20 <= 3_360 for n in range(3))
    assert sum(counts.values()) + feature.other == 20_000
    assert "has too many categories: counts may be up to" in reply.baseline.warnings[0]


async def test_the_same_request_is_answered_again_and_another_file_is_refused(
    upload: Upload, ask: Ask, model: Model
) -> None:
    given: dict[str, Any] = {"request_id": "3c4e", "segments": ["plan"], "features": ["amount"]}
    first = await upload(GOOD.encode(), **given)
    await ask("CreateBaseline", rpc.CreateBaselineRequest(model="churn", columns=_one_column()))
    again = await upload(GOOD.encode(), 77, **given)
    assert again.baseline.name == first.baseline.name
    assert [one.uid for one in again.segment_baselines] == [one.uid for one in first.segment_baselines]
    # What was made active since then stays active.
    assert not again.baseline.active
    with pytest.raises(RemoteError) as reused:
        await upload(with_rows("1,gold"), **given)
    assert reused.value.reason == "REQUEST_ID_REUSED"


def _one_column() -> Columns:
    return Columns(numeric={"a": NumericColumn(values=[1.0, 2.0])})
