"""MLflow's model signatures as ours: columns only, as those have names."""

import json
from collections.abc import Mapping
from typing import Any

from turnout.router.v1.model_pb2 import (
    FEATURE_KIND_CATEGORICAL,
    FEATURE_KIND_NUMERIC,
    LAYOUT_KIND_PER_COLUMN,
    Feature,
    Signature,
)

# Where clients of MLflow 2 note with a run which models were logged in it.
HISTORY = "mlflow.log-model.history"
MOST_COLUMNS = 10_000

DTYPES = {
    "double": "FP64", "float": "FP32", "long": "INT64", "integer": "INT32", "boolean": "BOOL",
    "string": "BYTES",
}  # fmt: skip
NULLABLE = ("FP64", "FP32", "BYTES")


class Untold(Exception):
    """There is no signature that we can use; the message says why."""


def signature_of_run(tags: Mapping[str, str], source: str) -> tuple[Signature | None, str]:
    """The signature of the model whose files are at `source`, out of the tags of its run; or why there is
    none."""
    if HISTORY not in tags:
        return None, "its signature is in its files alone, which are not read; give it in the template"
    try:
        return _signature(_logged(json.loads(tags[HISTORY]), source)), ""
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None, f"the tag {HISTORY} of its run cannot be read"
    except Untold as why:
        return None, str(why)


def _logged(history: list[dict[str, Any]], source: str) -> dict[str, Any]:
    """The last model that was logged to where the source is."""
    fitting = [one for one in history if source.rstrip("/").endswith("/" + str(one["artifact_path"]))]
    if not fitting:
        raise Untold("its run has logged no model where its files are")
    return fitting[-1]


def _signature(logged: Mapping[str, Any]) -> Signature:
    told = logged.get("signature")
    if not told or not told.get("inputs"):
        raise Untold("it was logged without a signature")
    columns = json.loads(told["inputs"])
    if len(columns) > MOST_COLUMNS:
        raise Untold(f"its signature has {len(columns)} columns; at most {MOST_COLUMNS} are read")
    made = Signature(features=[_feature(column) for column in columns])
    # As MLflow's own servers take a data frame over the Open Inference Protocol.
    made.layout.kind = LAYOUT_KIND_PER_COLUMN
    return made


def _feature(column: Mapping[str, Any]) -> Feature:
    name, kind = column.get("name"), column["type"]
    if not name or kind not in DTYPES:
        raise Untold(f"its signature has {kind!s:.40} inputs, and only named columns of plain types are read")
    dtype = DTYPES[kind]
    required = column.get("required", not column.get("optional", False))
    return Feature(
        name=name,
        kind=FEATURE_KIND_CATEGORICAL if dtype == "BYTES" else FEATURE_KIND_NUMERIC,
        dtype=dtype,
        # Integers have no NaN: an optional one must be sent.
        nullable=not required and dtype in NULLABLE,
    )
