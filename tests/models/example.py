"""A registration with a bit of everything, for tests to change."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from google.protobuf.struct_pb2 import Value
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1 import model_pb2 as wire

from examples.fleet.catalog import registration
from services.foundation.errors import TurnoutError
from services.foundation.telemetry import Telemetry
from services.models.pool import ModelPool

NUMERIC = wire.FEATURE_KIND_NUMERIC
CATEGORICAL = wire.FEATURE_KIND_CATEGORICAL


def churn() -> wire.Model:
    """Five columns of five characters, one tensor each; a binary classifier."""
    model = wire.Model(
        name="models/churn",
        protocol=wire.PROTOCOL_OIP_GRPC,
        endpoints=[wire.Endpoint(address="127.0.0.1:9")],
        signature=wire.Signature(
            features=[
                wire.Feature(name="amount", kind=NUMERIC),
                wire.Feature(name="visits", kind=NUMERIC, dtype="INT32", default=Value(number_value=0)),
                wire.Feature(name="age", kind=NUMERIC, dtype="FP32", nullable=True),
                wire.Feature(name="contract", kind=CATEGORICAL, categories=["monthly", "yearly"]),
                wire.Feature(name="loyal", kind=NUMERIC, dtype="BOOL"),
            ],
            layout=wire.TensorLayout(kind=wire.LAYOUT_KIND_PER_COLUMN),
            outputs=wire.OutputSpec(label="label", probabilities="scores", class_order=["no", "yes"]),
        ),
    )
    model.timeout.FromMilliseconds(500)
    return model


def patient(name: str, *addresses: str) -> wire.Model:
    """A model of the fleet that is given all the time that a crowded machine may take."""
    model = registration(name, *addresses)
    model.timeout.FromSeconds(60)
    return model


def stacked(*names: str) -> wire.Model:
    """A classifier on floats in one tensor."""
    model = churn()
    model.signature.features.clear()
    model.signature.features.extend(wire.Feature(name=name, kind=NUMERIC) for name in names)
    model.signature.layout.kind = wire.LAYOUT_KIND_STACKED
    return model


def record(**columns: float | str | None) -> Input:
    """Tabular input; None is a column known to be missing."""
    return Input(
        tabular=TabularInput(
            numeric_features={k: v for k, v in columns.items() if isinstance(v, int | float)},
            categorical_features={k: v for k, v in columns.items() if isinstance(v, str)},
            missing=[k for k, v in columns.items() if v is None],
        )
    )


def row(**columns: Any) -> Input:
    """The same as a row of JSON."""
    given = Input()
    given.row.update(columns)
    return given


def told(error: TurnoutError) -> dict[str, str]:
    """What an error says, by field."""
    return dict(error.fields)


@asynccontextmanager
async def open_pool(seed: int = 1, environ: dict[str, str] | None = None) -> AsyncIterator[ModelPool]:
    """A pool that is closed with the block."""
    rng = random.Random(seed)
    pool = ModelPool(Telemetry(rng=rng), rng, environ=environ or {})
    try:
        yield pool
    finally:
        await pool.close()
