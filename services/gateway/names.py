"""How Envoy calls the messages of its configuration."""

from typing import Any

Config = dict[str, Any]


def typed(name: str, **fields: Any) -> Config:
    """A message by its name below envoy.extensions, with its fields."""
    return {"@type": f"type.googleapis.com/envoy.extensions.{name}", **fields}


def seconds(value: float) -> str:
    """A duration as JSON spells it."""
    return f"{value:.9f}".rstrip("0").rstrip(".") + "s"
