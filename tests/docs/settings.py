"""docs/reference/settings.md, written from the settings of every process."""

import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from services.aggregator.settings import AggregatorSettings
from services.cli.settings import CliSettings
from services.drift.settings import DriftSettings
from services.feedback.settings import FeedbackSettings
from services.foundation.access_settings import AccessSettings
from services.foundation.configuration import common_keys
from services.foundation.meanings import meaning
from services.foundation.settings import Settings
from services.gateway.settings import GatewaySettings
from services.router.settings import RouterSettings

PROCESSES: Mapping[str, tuple[type[Settings], str]] = {
    "router": (RouterSettings, "The router: who answers."),
    "aggregator": (AggregatorSettings, "The aggregator: several answers into one."),
    "feedback": (FeedbackSettings, "Feedback: what came of predictions."),
    "drift": (DriftSettings, "Drift: records, profiles, verdicts, alerts."),
    "gateway": (GatewaySettings, "The gateway; [REST](rest.md) says what it does with them."),
    "cli": (CliSettings, "`turnout`: the supervisor, and the commands that ask a running suite."),
}
HEAD = """# Every setting

Written from the code by `make docs`; a test holds it to the code. A setting is read from the environment,
or from one YAML file that `TURNOUT_CONFIG` names; the environment wins. An unknown or wrong one ends the
process with its name and what would have been right, and secrets are shown nowhere.

| for | in the environment | in the file |
|---|---|---|
| every process | `TURNOUT_<NAME>`, such as `TURNOUT_LOG_LEVEL` | at the top: `log_level: DEBUG` |
| one, which wins | `TURNOUT_<PROCESS>_<NAME>`: `TURNOUT_ROUTER_PORT` | below it: `router: {port: 50051}` |

Lists and tables are JSON in the environment: `TURNOUT_ACCESS_ADMINS='["ann"]'`.
`OTEL_EXPORTER_OTLP_ENDPOINT` gives `otlp_endpoint` its value where `TURNOUT_OTLP_ENDPOINT` does not, and
`REDIS_URL` tells `turnout up` to start no Redis of its own. What bounds something is also among the
[limits](../limits.md).
"""
TABLE = "| setting | type | default | what it says |\n|---|---|---|---|"
BOUNDS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## Every process\n", TABLE]
    access = AccessSettings.model_fields.keys()
    parts += [_row("TURNOUT_", name, Settings) for name in Settings.model_fields if name not in access]
    parts += ["\n## Every process: who may call it\n"]
    parts += ["[Access](../access.md) says how they go together.\n", TABLE]
    parts += [_row("TURNOUT_", name, Settings) for name in access]
    for process, (settings, said) in PROCESSES.items():
        parts += [f"\n## {process}\n\n{said}\n", TABLE]
        own = settings.model_fields.keys() - common_keys(settings)
        prefix = f"TURNOUT_{process.upper()}_"
        parts += [_row(prefix, name, settings) for name in settings.model_fields if name in own]
    return "\n".join(parts) + "\n"


def _row(prefix: str, name: str, settings: type[Settings]) -> str:
    field = settings.model_fields[name]
    said = meaning(settings, name).replace("|", "\\|")
    return f"| `{prefix}{name.upper()}` | {_kind(field)} | {_default(field)} | {said} |"


def _kind(field: FieldInfo) -> str:
    bounds = ", ".join(_bounds(field))
    return f"{_named(field.annotation)}{f', {bounds}' if bounds else ''}"


def _named(kind: Any) -> str:
    if kind is SecretStr:
        return "secret"
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_named(one) for one in inner if one is not type(None))
    if origin is list or origin is tuple:
        return f"list of {_named(inner[0])}"
    if origin is dict:
        return f"table of {_named(inner[1])}"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(kind, "text")


def _bounds(field: FieldInfo) -> Iterator[str]:
    for bound in field.metadata:
        if type(bound) in BOUNDS:
            sign, name = BOUNDS[type(bound)]
            yield f"{sign} {getattr(bound, name):,}"
        elif isinstance(bound, MinLen) and bound.min_length:
            yield f"at least {bound.min_length} long"
        elif isinstance(bound, MaxLen):
            yield f"at most {bound.max_length:,} long"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr) or value in ("", None, [], {}, ()):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:,}".removesuffix(".0")
    return ", ".join(value) if isinstance(value, list | tuple) else str(value)
