"""What an object needs to become what is declared."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from services.cli.connecting import Visit
from services.cli.declared.differences import Difference, differences
from services.cli.declared.loading import Declared
from services.foundation.errors import RemoteError, TurnoutError


class Action(StrEnum):
    """What is to be done with an object, or was."""

    CREATE = "create"
    CHANGE = "change"
    NOTHING = "unchanged"
    REFUSED = "refused"


@dataclass
class Change:
    """An object, what it is and what it is to be, as plain values. `before` is None for what is new. `etag`
    is that of what was seen: somebody else's change since is not overwritten."""

    declared: Declared
    before: dict[str, Any] | None
    after: dict[str, Any]
    etag: str = ""
    notes: list[str] = field(default_factory=list)
    refused: TurnoutError | None = None
    unchecked: bool = False
    """Whether its service could not check it yet, as what it needs comes with the same files."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the one that plans it tells the one that carries it out."""

    @property
    def differences(self) -> list[Difference]:
        """Field by field."""
        return list(differences(self.before or {}, self.after))

    @property
    def action(self) -> Action:
        """What is to be done."""
        if self.refused is not None:
            return Action.REFUSED
        if self.before is None:
            return Action.CREATE
        return Action.CHANGE if self.differences else Action.NOTHING


Plan = Callable[[Visit, Declared], Awaitable[Change]]
CarryOut = Callable[[Visit, Change], Awaitable[list[str]]]


def fresh_id() -> str:
    """For a change that may be sent twice and must be made once."""
    return str(uuid.uuid4())


async def found(reading: Awaitable[Any], *reasons: str) -> Any:
    """What a reading answers; None where what is read does not exist."""
    try:
        return await reading
    except RemoteError as refused:
        if refused.reason not in reasons:
            raise
        return None
