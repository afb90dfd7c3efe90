"""A set-up whose baseline and traffic write the same values in different ways sees no drift that is none."""

import numpy as np
from google.protobuf.struct_pb2 import Struct
from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest
from turnout.drift.v1.logging_pb2 import LogPredictionRequest, LogPredictionsRequest
from turnout.drift.v1.result_pb2 import DRIFT_STATUS_OK
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.model_pb2 import FEATURE_KIND_CATEGORICAL, Model

from tests.drift.conftest import Ask
from tests.drift.intake.conftest import Consume, Send

ROWS = 400
ZIPS = [10001, 60601, 94110]


async def test_a_table_of_pandas_and_rows_of_json_are_of_one_world(
    ask: Ask, send: Send, model: Model, consume: Consume
) -> None:
    rng = np.random.default_rng(3)
    zips, vips, answers = rng.choice(ZIPS, ROWS), rng.integers(0, 2, ROWS), rng.integers(0, 2, ROWS)
    amounts = rng.normal(size=ROWS)
    table = ["zip,vip,amount,answer"]
    table += [
        f"{code},{bool(vip)},{amount:.6f},{float(answer)}"
        for code, vip, amount, answer in zip(zips, vips, amounts, answers, strict=True)
    ]
    header = rpc.UploadBaselineHeader(
        model="churn", kinds={"zip": FEATURE_KIND_CATEGORICAL}, prediction_column="answer"
    )
    data = "\n".join(table).encode()
    await send(
        "UploadBaseline", [rpc.UploadBaselineRequest(header=header), rpc.UploadBaselineRequest(data=data)]
    )

    some = []
    for code, vip, amount, answer in zip(zips, vips, amounts, answers, strict=True):
        row = Struct()
        row.update({"zip": int(code), "vip": bool(vip), "amount": f"{amount:.6f}"})
        some.append(LogPredictionRequest(input=Input(row=row), label=str(answer)))
    await send("LogPredictions", [LogPredictionsRequest(model="churn", predictions=some)])
    await consume(model.uid)
    result = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
    assert (result.rows, result.status) == (ROWS, DRIFT_STATUS_OK)
    assert sorted(one.feature for one in result.features) == ["amount", "answer", "vip", "zip"]
    for one in result.features:
        assert (one.rows, one.missing_share, list(one.unseen_categories)) == (ROWS, 0.0, [])
        assert one.psi < 1e-6
