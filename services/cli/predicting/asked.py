"""What a router is asked, as people type it."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from google.protobuf.json_format import ParseDict, ParseError
from turnout.inference.v1.input_pb2 import ChatMessage, Input
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.cli.predicting.signatures import Kinds, typed

ROLES = ("system", "user", "assistant", "tool")
STDIN = "-"


@dataclass(frozen=True)
class Question:
    """The words of a command line. At most one of row, text, chat and json says what is asked."""

    router: str
    row: Sequence[str] = ()
    text: str | None = None
    chat: Sequence[str] = ()
    json: str | None = None
    entity: str = ""
    external_id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    variant: str = ""
    event_time: datetime | None = None

    def check(self) -> None:
        """Raises typer.BadParameter."""
        given = [bool(self.row), self.text is not None, bool(self.chat), self.json is not None]
        if sum(given) != 1:
            raise typer.BadParameter(
                "say what to ask, in one way: --row NAME=VALUE, --text, --chat, --json FILE or --rows FILE"
            )
        pairs(self.row, "--row")

    def request(self, known: Kinds) -> PredictRequest:
        """The request. Raises typer.BadParameter, BadFeature, OSError."""
        made = self.around()
        if self.row:
            row = {name: typed(name, text, known) for name, text in pairs(self.row, "--row").items()}
            made.input.row.update(row)
        elif self.text is not None:
            made.input.text = self.text
        elif self.chat:
            made.input.chat.messages.extend(message(one) for one in self.chat)
        else:
            made.MergeFrom(_document(str(self.json)))
        return made

    def around(self) -> PredictRequest:
        """The request without what is asked."""
        made = PredictRequest(
            router=self.router,
            entity_id=self.entity,
            external_id=self.external_id,
            attributes=self.attributes,
            variant=self.variant,
        )
        if self.event_time:
            made.event_time.FromDatetime(self.event_time)
        return made


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """NAME=VALUE, each. Raises typer.BadParameter."""
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name and sign):
            raise typer.BadParameter(f"{option} {text!r}: write NAME=VALUE")
        if name in found:
            raise typer.BadParameter(f"{option} {text!r}: {name} has a value already, {found[name]!r}")
        found[name] = value
    return found


def message(text: str) -> ChatMessage:
    """A message of a chat: what the user says, or whoever is named before a colon.

    >>> message("system: be brief").role, message("hello").role
    ('system', 'user')
    """
    role, sign, said = text.partition(":")
    if sign and role.strip() in ROLES:
        return ChatMessage(role=role.strip(), content=said.strip())
    return ChatMessage(role="user", content=text)


def _document(place: str) -> PredictRequest:
    """A request, an input or a row as JSON. Raises typer.BadParameter, OSError."""
    text = sys.stdin.read() if place == STDIN else Path(place).read_text()
    try:
        return read(json.loads(text))
    except (ValueError, ParseError) as wrong:
        raise typer.BadParameter(f"--json {place}: {wrong}") from None


def read(told: Any) -> PredictRequest:
    """A request of plain values: the whole of it (with "input"), an Input, or else a row.

    Raises ValueError, ParseError.
    """
    if not isinstance(told, dict):
        raise ValueError("an object is expected: a request, an input, or a row")
    if isinstance(told.get("input"), dict):
        return ParseDict(told, PredictRequest())
    kinds = {one.name for one in Input.DESCRIPTOR.oneofs_by_name["kind"].fields}
    if len(told) == 1 and kinds & told.keys() and not isinstance(next(iter(told.values())), int | float):
        return PredictRequest(input=ParseDict(told, Input()))
    made = PredictRequest()
    made.input.row.update(told)
    return made
