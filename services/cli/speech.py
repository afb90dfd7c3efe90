"""Words of others on a terminal, and messages as documents."""

import json
from enum import StrEnum
from typing import Any

import typer
import yaml
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message


class Output(StrEnum):
    """How a command shows what it got."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def plain(text: str) -> str:
    """The text without what a terminal would obey: names come from whoever logs, escape codes and all."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{MIDDLE DOT}" for letter in text)


def document(message: Message) -> Any:
    """The message as plain values, under the names that the contract has for its fields."""
    return MessageToDict(message, preserving_proto_field_name=True)


def tell(content: Any, output: Output) -> None:
    """Print a document as JSON or YAML."""
    if output is Output.YAML:
        typer.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True).rstrip())
    else:
        typer.echo(json.dumps(content, indent=2))
