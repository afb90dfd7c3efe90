"""What may be declared: the sections of a file, in the order in which one needs the other."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from turnout.drift.v1.alert_config_pb2 import AlertConfig
from turnout.drift.v1.baseline_rpc_pb2 import UploadBaselineHeader
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

# What a router is to be once it is applied. What is on its way, or failed on it, was to run.
RUNNING, STOPPED, REGISTERED = STATES = (
    "ROUTER_STATE_RUNNING",
    "ROUTER_STATE_STOPPED",
    "ROUTER_STATE_REGISTERED",
)


class Kind(NamedTuple):
    """A section: what each of its items is. `without` are fields that have no place in a file, `also` keys
    that are no fields, each with its meaning; `needed` must be given."""

    word: str
    message: Any
    without: Collection[str]
    also: Mapping[str, str]
    needed: Collection[str]


KINDS: Mapping[str, Kind] = {
    "models": Kind("model", Model, ("etag",), {}, ("name",)),
    "baselines": Kind(
        "baseline",
        UploadBaselineHeader,
        ("file_bytes", "validate_only", "request_id", "entries"),
        {"file": "The file with the rows: CSV, NDJSON, JSON or Parquet, relative to the one that names it."},
        ("model", "file"),
    ),
    "alert_configs": Kind(
        "alert config",
        AlertConfig,
        ("etag",),
        {"model": "The model whose alerts these are, as churn-xgb-v2 or models/churn-xgb-v2."},
        ("model",),
    ),
    "routers": Kind(
        "router",
        Router,
        ("etag",),
        {"state": f"What it is to be: {RUNNING} (the default: apply deploys it), {STOPPED} or {REGISTERED}."},
        ("name",),
    ),
}
