"""What the chart's values may be: `python -m tests.deploy_files.schema` writes the part that is our settings'
into values.schema.json, so that Helm refuses a setting that a pod would refuse."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from services.foundation.configuration import common_keys
from services.foundation.meanings import meaning
from services.foundation.settings import Settings
from tests.deploy_files.chart import CHART, KINDS

SCHEMA = CHART / "values.schema.json"

# What the chart says itself, from values of other names.
SAID = {
    *("host", "expose", "port", "metrics_host", "metrics_port", "access_mode", "clear_text", "redis_url"),
    *("drain_notice_seconds", "drain_seconds", "flush_seconds"),
    *("tls_certificate", "tls_key", "tls_client_authorities", "tls_authorities"),
    *("router", "aggregator", "feedback", "drift"),
    *("spool_dir", "directory", "admin_port", "envoy", "only"),
    *("kube_config", "kube_namespace", "kube_suite", "kube_image", "kube_pull_secret"),
    *("kube_redis_secret", "kube_environment_from", "kube_tls_secret"),
}


def settings_schema(kind: type[Settings], *, common: bool) -> dict[str, Any]:
    """The settings of a process that may stand in values: those of all processes, or its own and theirs."""
    made = kind.model_json_schema()["properties"]
    keys = common_keys(kind) if common else set(kind.model_fields)
    if kind is not KINDS["gateway"]:
        # Pods are what there is more of: only the first worker's page of metrics has a port that is known.
        keys -= {"workers"}
    found = {
        key: {**_plain(made[key]), "description": meaning(kind, key)}
        for key in sorted(keys - SAID)
        if kind.model_fields[key].annotation is not SecretStr
    }
    return {"type": "object", "additionalProperties": False, "properties": found}


def _plain(told: Mapping[str, Any]) -> dict[str, Any]:
    """Without titles, which values have none of, and defaults, which are the program's."""
    return {key: value for key, value in told.items() if key not in ("title", "default", "description")}


def definitions() -> dict[str, Any]:
    """The written part, by name."""
    own = {f"{name}Settings": settings_schema(kind, common=False) for name, kind in KINDS.items()}
    return {"settings": settings_schema(Settings, common=True), **own}


def main() -> None:
    """Write it."""
    told = json.loads(SCHEMA.read_text())
    told["$defs"] |= definitions()
    SCHEMA.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
