"""Files of every format become the baseline that their columns would, over a real channel."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from turnout.drift.v1 import baseline_pb2
from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.drift.v1.feature_role_pb2 import FEATURE_ROLE_PREDICTION, FEATURE_ROLE_SCORE
from turnout.router.v1.model_pb2 import FEATURE_KIND_CATEGORICAL, FEATURE_KIND_NUMERIC, Model

from services.drift.uploading import gathering
from services.foundation.errors import RemoteError
from tests.drift.conftest import Ask
from tests.drift.making.conftest import AGE, AMOUNT, PLAN, REGION, ROWS, Upload, table

ABSENT = np.arange(ROWS) % 100 == 0


def as_csv() -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["amount", "age", "plan", "region"])
    writer.writeheader()
    writer.writerows(table())
    return text.getvalue().encode()


def as_parquet() -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(table())), file, row_group_size=300)
    return file.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "CSV": as_csv,
    "NDJSON": lambda: "".join(json.dumps(row) + "\n" for row in table()).encode(),
    "JSON": lambda: json.dumps(list(table()), indent=1).encode(),
    "PARQUET": as_parquet,
}


def own(message: baseline_pb2.Baseline) -> dict[str, Any]:
    """The features, without words on where they are from."""
    found = {}
    for feature in message.features:
        copy = baseline_pb2.FeatureBaseline()
        copy.CopyFrom(feature)
        copy.ClearField("kind_reason")
        found[feature.name] = copy
    return found


async def inline(ask: Ask) -> dict[str, Any]:
    columns = baseline_pb2.Columns(
        numeric={"age": baseline_pb2.NumericColumn(values=AGE.astype(float))},
        categorical={
            "plan": baseline_pb2.CategoricalColumn(values=PLAN.tolist()),
            "region": baseline_pb2.CategoricalColumn(values=REGION.tolist()),
        },
    )
    columns.numeric["amount"].values.extend(np.where(ABSENT, np.nan, AMOUNT))
    reply = await ask("CreateBaseline", rpc.CreateBaselineRequest(model="churn", columns=columns))
    known = own(reply.baseline)
    # Inline, what is missing is NaN; in a file it is nothing.
    known["amount"].missing, known["amount"].nan = known["amount"].nan, 0
    return known


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("piece", [997, 1_000_000])
async def test_a_file_becomes_what_its_columns_would(
    upload: Upload, ask: Ask, model: Model, form: str, piece: int
) -> None:
    reply = await upload(FILES[form](), piece)
    assert rpc.BaselineFileFormat.Name(reply.format) == f"BASELINE_FILE_FORMAT_{form}"
    assert (reply.rows, reply.refused, reply.baseline.rows) == (ROWS, 0, ROWS)
    assert own(reply.baseline) == await inline(ask)
    assert reply.baseline.active
    assert reply.baseline.source == baseline_pb2.BASELINE_SOURCE_FILE


@pytest.mark.parametrize("form", FILES)
async def test_more_numbers_than_memory_has_make_no_difference(
    upload: Upload, ask: Ask, model: Model, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MEMORY_BYTES", 100)
    monkeypatch.setattr("services.drift.uploading.columns.LEAST_RUN", 1)
    monkeypatch.setattr("services.drift.uploading.text_file.BLOCK", 150)
    monkeypatch.setattr("services.drift.uploading.parquet_file.AT_ONCE", 150)
    assert own((await upload(FILES[form]())).baseline) == await inline(ask)


async def test_the_schema_is_told_and_why(upload: Upload, model: Model) -> None:
    rows = [
        (f"c{row}", "NA" if row % 50 == 0 else row, row % 2 == 0, "unknown" if row % 40 == 0 else row)
        for row in range(1, 200)
    ]
    data = "id,amount,flag,when,empty\n" + "".join(",".join(map(str, row)) + ",\n" for row in rows)
    reply = await upload(data.encode(), validate_only=True)
    told = {one.column: one for one in reply.columns}
    assert told["amount"].kind == FEATURE_KIND_NUMERIC
    assert told["amount"].missing == 3
    assert told["flag"].kind == FEATURE_KIND_CATEGORICAL
    assert "are no numbers, such as" in told["flag"].reason
    assert "'unknown' is taken for missing" in told["when"].reason
    assert (told["empty"].name, told["empty"].reason) == ("", "it has no value in the first 199 rows")
    assert any("'id' has another name in nearly every row" in said for said in reply.baseline.warnings)


async def test_to_validate_creates_nothing(upload: Upload, ask: Ask, model: Model) -> None:
    reply = await upload(as_csv(), validate_only=True, segments=["region"])
    assert len(reply.segment_baselines) == 2
    listed = await ask("ListBaselines", rpc.ListBaselinesRequest(model="churn"))
    assert list(listed.baselines) == []


async def test_the_header_overrides_what_columns_look_like(upload: Upload, model: Model) -> None:
    reply = await upload(
        as_csv(),
        column_map={"age": "years"},
        kinds={"years": FEATURE_KIND_CATEGORICAL},
        features=["years", "amount"],
        prediction_column="plan",
        score_column="amount",
        importance={"years": 3.0},
        description="training set of July",
        baseline_id="july",
    )
    features = {one.name: one for one in reply.baseline.features}
    assert sorted(features) == ["amount", "plan", "years"]
    assert features["plan"].role == FEATURE_ROLE_PREDICTION
    assert features["amount"].role == FEATURE_ROLE_SCORE
    assert (features["years"].kind, features["years"].importance) == (FEATURE_KIND_CATEGORICAL, 3.0)
    assert features["years"].kind_reason == "kinds says so"
    assert set(features["years"].categories) == {str(age) for age in AGE}
    assert reply.baseline.name == "models/churn/baselines/july"
    left = {one.column: one.reason for one in reply.columns if not one.name}
    assert left == {"region": "it is not among features"}


@pytest.mark.parametrize("form", FILES)
async def test_each_value_of_a_segment_gets_a_baseline(
    upload: Upload, ask: Ask, model: Model, form: str
) -> None:
    reply = await upload(FILES[form](), baseline_id="all", segments=["region"])
    assert "region" not in {one.name for one in reply.baseline.features}
    told = {one.segment.value: one for one in reply.segment_baselines}
    assert {value: one.rows for value, one in told.items()} == {
        value: int(np.count_nonzero(value == REGION)) for value in ("eu", "us")
    }
    assert [len(one.features) for one in told.values()] == [0, 0]
    eu = (await ask("GetBaseline", rpc.GetBaselineRequest(name=told["eu"].name))).baseline
    ages = next(one for one in eu.features if one.name == "age")
    assert sum(ages.counts) == (REGION == "eu").sum()
    assert (ages.min, ages.max) == (AGE[REGION == "eu"].min(), AGE[REGION == "eu"].max())
    active = rpc.GetActiveBaselineRequest(model="churn", segment=eu.segment)
    assert (await ask("GetActiveBaseline", active)).baseline == eu


async def test_baselines_of_a_file_are_counted_beside_the_active_ones(
    upload: Upload, ask: Ask, model: Model
) -> None:
    await upload(as_csv(), baseline_id="first", segments=["region"])
    reply = await upload(
        as_csv(), baseline_id="next", segments=["region"], activate=False, counted=True, request_id="8a11"
    )
    made = [reply.baseline, *reply.segment_baselines]
    assert [(one.active, one.counted) for one in made] == [(False, True)] * 3
    for request_id in ("8a12", ""):
        with pytest.raises(RemoteError, match="at most 1 baseline is counted beside") as no:
            await upload(as_csv(), baseline_id="third", activate=False, counted=True, request_id=request_id)
        assert no.value.code == "RESOURCE_EXHAUSTED"
    only = {"segments": ["region"], "features": ["age"]}
    with pytest.raises(RemoteError, match="at most 1 baseline is counted beside"):
        await upload(as_csv(), baseline_id="fourth", activate=False, counted=True, **only)
    again = await upload(
        as_csv(), baseline_id="next", segments=["region"], activate=False, counted=True, request_id="8a11"
    )
    assert [one.uid for one in again.segment_baselines] == [one.uid for one in reply.segment_baselines]
    listed = (await ask("ListBaselines", rpc.ListBaselinesRequest(model="churn"))).baselines
    uses = {one.name.rpartition("/")[2]: (one.active, one.counted) for one in listed}
    assert uses == {f"first{part}": (True, True) for part in ("", "-s1", "-s2")} | {
        f"next{part}": (False, True) for part in ("", "-s1", "-s2")
    }


@pytest.mark.parametrize("activate", [{}, {"activate": True}])
async def test_what_is_active_is_counted_anyway(
    upload: Upload, model: Model, activate: dict[str, bool]
) -> None:
    with pytest.raises(RemoteError, match=r"header\.counted goes with activate false") as no:
        await upload(as_csv(), counted=True, **activate)
    assert [one.field for one in no.value.fields] == ["header.counted"]


async def test_a_weight_is_so_many_rows(upload: Upload, ask: Ask, model: Model) -> None:
    weights = AGE % 4
    rows = zip(table(), weights.tolist(), strict=True)
    data = "".join(json.dumps(row | {"w": weight}) + "\n" for row, weight in rows)
    reply = await upload(data.encode(), weight_column="w", features=["age", "plan"])
    repeated = np.repeat(AGE, weights)
    assert reply.baseline.rows == len(repeated)
    column = baseline_pb2.NumericColumn(values=repeated.astype(float))
    request = rpc.CreateBaselineRequest(model="churn", columns=baseline_pb2.Columns(numeric={"age": column}))
    known = own((await ask("CreateBaseline", request)).baseline)
    assert own(reply.baseline)["age"] == known["age"]


async def test_the_signature_says_what_is_a_feature(upload: Upload, ask: Ask, typed: Model) -> None:
    reply = await upload(as_csv(), model="typed")
    assert {one.name: one.kind for one in reply.baseline.features} == {
        "age": FEATURE_KIND_CATEGORICAL,
        "amount": FEATURE_KIND_NUMERIC,
    }
    left = {one.column: one.reason for one in reply.columns if not one.name}
    assert left == dict.fromkeys(("plan", "region"), "the model's signature does not have it")


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-16", ""), ("cp1252", ";"), ("latin-1", "^"), ("utf-8-sig", "\t")]
)
async def test_other_encodings_and_delimiters(
    upload: Upload, model: Model, encoding: str, delimiter: str
) -> None:
    text = "größe,art\n" + "".join(f"{row},{'süß' if row % 2 else 'herb'}\r\n" for row in range(100))
    data = text.replace(",", delimiter or ",").encode(encoding)
    reply = await upload(data, 7, encoding=encoding, delimiter=delimiter)
    features = {one.name: one for one in reply.baseline.features}
    assert list(features["art"].categories) == ["herb", "süß"]
    assert sum(features["größe"].counts) == 100


@pytest.mark.parametrize("spelt", [("False", "True"), ("false", "true")], ids=["pandas", "JSON"])
async def test_truths_of_csv_are_numbers_where_the_header_says_so(
    upload: Upload, model: Model, spelt: tuple[str, str]
) -> None:
    """As they are in JSON and in Parquet."""
    text = "vip\n" + "".join(f"{spelt[at % 4 == 0]}\n" for at in range(100))
    wanted = {"vip": FEATURE_KIND_NUMERIC}
    made = await upload(text.encode(), kinds=wanted)
    kept = await upload(json.dumps([{"vip": at % 4 == 0} for at in range(100)]).encode(), kinds=wanted)
    (found,), (other,) = made.baseline.features, kept.baseline.features
    assert (found.kind, found.missing, sum(found.counts)) == (FEATURE_KIND_NUMERIC, 0, 100)
    assert (found.counts, found.edges) == (other.counts, other.edges)
