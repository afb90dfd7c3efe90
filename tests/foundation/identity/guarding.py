"""A server of the tests' echo service where access is enforced, with rules of its own."""

from collections.abc import Awaitable, Mapping
from typing import Any, ClassVar

from services.foundation.access import Check
from services.foundation.errors import NotFound, PermissionDenied
from services.foundation.identity.api_keys import KeyEntry, mint
from services.foundation.identity.caller import Caller
from services.foundation.rules import Role, Rule
from tests.foundation.echo import Echo

TOKEN = "a service token of tests, long enough"  # noqa: S105
BOOTSTRAP = "a bootstrap key of tests, long enough"


class Ring:
    """Keys in memory."""

    def __init__(self) -> None:
        self.entries: dict[str, KeyEntry] = {}
        self.loaded = True

    def find(self, key_id: str) -> KeyEntry | None:
        return self.entries.get(key_id)

    def give(self, user: str, *, admin: bool = False, expires: float = float("inf")) -> str:
        """A new key."""
        key_id, whole, digest = mint()
        self.entries[key_id] = KeyEntry(user, admin, digest, expires)
        return whole


class Words:
    """Who may do what to which word: `ann` may all, others may not see it; `slow` ones are looked up."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def check_of(self, method: str, rule: Rule) -> Check:  # noqa: ARG002 - one kind of words
        def check(caller: Caller, request: Any) -> Awaitable[None] | None:
            self.asked.append(request.text)
            if request.text == "slow":
                return look_up(caller, request)
            refuse(caller, request)
            return None

        def refuse(caller: Caller, request: Any) -> None:
            if caller.name == "bob":
                raise PermissionDenied(f"{request.text}: this needs {rule.role.told}", needed=rule.role.told)
            if caller.name != "ann":
                raise NotFound(f"there is no {request.text}")

        async def look_up(caller: Caller, request: Any) -> None:
            refuse(caller, request)

        return check


class Guarded(Echo):
    """Echo with a rule per method."""

    ACCESS: ClassVar[Mapping[str, Rule]] = {
        "Say": Rule(Role.VIEWER, "text"),
        "Raw": Rule(Role.PREDICTOR, "text"),
        "Hold": Rule(Role.ADMIN),
        "Fail": Rule(Role.ANYONE),
        "Absent": Rule(Role.EDITOR, "text"),
        "AbsentStream": Rule(Role.OWNER, "text"),
        "Count": Rule(Role.VIEWER, "text"),
        "Join": Rule(Role.CALLER),
        "Chat": Rule(Role.CALLER),
    }
